#include "memory.h"
#include <inttypes.h>
#include <setjmp.h>

void *map(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (address != NULL)
		flags |= MAP_FIXED_NOREPLACE;
	char *memory = mmap(address, size, protection, flags, fd, offset);
	MUST(memory == MAP_FAILED ? -1 : 0);
	return memory;
}

char *free_addresses(size_t size)
{
	char *memory = map(NULL, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(munmap(memory, size));
	return memory;
}

static uint32_t word_of(size_t index, unsigned seed)
{
	uint32_t word = (uint32_t)index * 2654435761u + seed * 40503u + 1;
	return word ^ word >> 15;
}

void fill(void *memory, size_t size, unsigned seed)
{
	uint32_t *words = memory;
	for (size_t index = 0; index < size / sizeof(*words); index++)
		words[index] = word_of(index, seed);
}

bool is_filled(const void *memory, size_t size, unsigned seed)
{
	const uint32_t *words = memory;
	for (size_t index = 0; index < size / sizeof(*words); index++)
		if (words[index] != word_of(index, seed))
			return false;
	return true;
}

bool is_zero(const void *memory, size_t size)
{
	const char *bytes = memory;
	for (size_t index = 0; index < size; index++)
		if (bytes[index] != 0)
			return false;
	return true;
}

int make_file(const char *name, size_t size, unsigned seed)
{
	int fd = MUST(open(path_of(name), O_RDWR | O_CREAT | O_EXCL, 0644));
	size_t whole = (size + PAGE - 1) / PAGE * PAGE;
	MUST(ftruncate(fd, whole));
	void *memory = map(NULL, whole, RW, MAP_SHARED, fd, 0);
	fill(memory, whole, seed);
	MUST(munmap(memory, whole));
	MUST(ftruncate(fd, size));
	return fd;
}

static sigjmp_buf back;

static void jump_back(int signal)
{
	siglongjmp(back, signal);
}

enum access { READ, WRITE, RUN };

/* The signal that an access ends with; 0 for none. */
static int try_access(enum access access, volatile char *address)
{
	struct sigaction action = {.sa_handler = jump_back}, segv, bus;
	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGBUS, &action, &bus);
	int signal = sigsetjmp(back, 1);
	if (signal == 0) {
		if (access == READ)
			(void)*address;
		else if (access == WRITE)
			__atomic_fetch_add(address, 0, __ATOMIC_SEQ_CST);
		else
			((void (*)(void))address)();
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return signal;
}

bool can_read(const void *address)
{
	return try_access(READ, (char *)address) == 0;
}

bool can_write(void *address)
{
	return try_access(WRITE, address) == 0;
}

bool can_run(const void *address)
{
	return try_access(RUN, (char *)address) == 0;
}

bool is_behind_end(const void *address)
{
	return try_access(READ, (char *)address) == SIGBUS;
}

bool has_vm_flag(const void *address, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[1024], word[8];
	uintptr_t start, end, wanted = (uintptr_t)address;
	bool inside = false, found = false;
	snprintf(word, sizeof(word), " %s ", flag);
	while (smaps != NULL && fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
			inside = start <= wanted && wanted < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, word) != NULL;
	}
	if (smaps != NULL)
		fclose(smaps);
	return found;
}

int count_mappings(const void *memory, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	uintptr_t start, end, from = (uintptr_t)memory;
	int count = 0;
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2 && start < from + size && end > from)
			count++;
	if (maps != NULL)
		fclose(maps);
	return count;
}
