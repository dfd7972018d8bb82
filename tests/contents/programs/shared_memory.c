#include "memory.h"

static char *share(size_t size, int flags)
{
	return map(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
}

static int open_mapping(void *memory, size_t size, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (long)memory, (long)memory + size);
	return MUST(open(path, flags));
}

/*
 * Shared memory between tasks: at other addresses, in pieces, with other protections, a part of it alone, mapped more
 * than once, and after the one that made it has unmapped it.
 */
PROGRAM(shared_memory)
{
	char *memory = share(16 * PAGE, 0);
	char *other = share(16 * PAGE, 0);
	char *orphan = share(4 * PAGE, 0);
	fill(memory, 16 * PAGE, 1);
	fill(other + 4 * PAGE, 4 * PAGE, 2);
	fill(orphan, 4 * PAGE, 3);
	volatile int *turn = (int *)other;
	pid_t child = fork_as(1);
	if (child == 0) {
		char *room = free_addresses(64 * PAGE);
		char *moved = mremap(memory, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
		MUST(mprotect(moved + 8 * PAGE, 4 * PAGE, PROT_READ));
		MUST(munmap(other + 12 * PAGE, 4 * PAGE));
		while (!may_go())
			sleep_ms(5);
		CHECK(is_filled(moved, 16 * PAGE, 1) && !can_write(moved + 8 * PAGE) && can_write(moved + 12 * PAGE));
		CHECK(is_filled(orphan, 4 * PAGE, 3));
		fill(moved + 15 * PAGE, PAGE, 4);
		CHECK(is_filled(other + 4 * PAGE, 4 * PAGE, 2));
		*turn = 1;
		end_child();
	}
	MUST(munmap(orphan, 4 * PAGE));
	int fd = open_mapping(memory, 16 * PAGE, O_RDWR);
	int reading = open_mapping(other, 16 * PAGE, O_RDONLY);
	char *again = map(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 14 * PAGE);
	char *private = map(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE);
	fill(private, PAGE, 5);
	char *read_only = map(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, reading, 0);
	close(fd);
	close(reading);
	MUST(munmap(memory, PAGE));
	MUST(munmap(memory + 3 * PAGE, 2 * PAGE));
	ready_and_wait();

	while (*turn == 0)
		sleep_ms(1);
	CHECK(is_filled(memory + 15 * PAGE, PAGE, 4) && is_filled(again + PAGE, PAGE, 4));
	again[0] ^= 1;
	CHECK(memory[14 * PAGE] == again[0]);
	CHECK(!can_read(memory) && can_read(memory + PAGE) && !can_read(memory + 4 * PAGE) && can_read(memory + 5 * PAGE));
	CHECK(is_filled(private, PAGE, 5) && memcmp(private + 3 * PAGE, memory + 5 * PAGE, PAGE) == 0);
	CHECK(read_only[0] == 1 && is_filled(read_only + 4 * PAGE, 4 * PAGE, 2));
	CHECK(mprotect(read_only, PAGE, RW) == -1 && errno == EACCES);
	join_child(child);
}

/* Shared address space that is hardly used. */
PROGRAM(sparse_sharing)
{
	char *memory = share(3 * TIB, MAP_NORESERVE);
	char *beginning = share(64 * MIB, 0);
	fill(memory + TIB, 2 * PAGE, 1);
	/* Pages on both sides of a multiple of 1 GiB. */
	fill(memory + 2 * TIB - PAGE, 2 * PAGE, 2);
	memory[3 * TIB - 1] = 3;
	fill(beginning + 63 * MIB, 4 * PAGE, 4);
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(munmap(memory, 2 * TIB));
		MUST(munmap(beginning, 63 * MIB));
		while (!may_go())
			sleep_ms(5);
		CHECK(memory[3 * TIB - 1] == 3 && is_filled(beginning + 63 * MIB, 4 * PAGE, 4));
		memory[3 * TIB - 2 * PAGE] = 5;
		end_child();
	}
	MUST(munmap(beginning, 64 * MIB));
	ready_and_wait();

	join_child(child);
	CHECK(is_filled(memory + TIB, 2 * PAGE, 1) && is_filled(memory + 2 * TIB - PAGE, 2 * PAGE, 2));
	CHECK(memory[3 * TIB - 1] == 3 && memory[3 * TIB - 2 * PAGE] == 5 && memory[0] == 0);
	CHECK(has_vm_flag(memory, "nr"));
}

/* memfds that are mapped, sealed against new writers, larger than what is mapped of them, and with a private page. */
PROGRAM(mapped_memfds)
{
	int fd = MUST(memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	MUST(ftruncate(fd, 10 * PAGE + 100));
	char *whole = map(NULL, 11 * PAGE, RW, MAP_SHARED, fd, 0);
	fill(whole, 10 * PAGE, 1);
	whole[10 * PAGE + 99] = 2;
	char *part = map(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 4 * PAGE);
	char *private = map(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	fill(private + PAGE, PAGE, 3);
	MUST(munmap(whole, 11 * PAGE));

	int growing = MUST(memfd_create("growing", MFD_ALLOW_SEALING));
	MUST(ftruncate(growing, 2 * PAGE));
	char *writable = map(NULL, 2 * PAGE, RW, MAP_SHARED, growing, 0);
	fill(writable, 2 * PAGE, 4);
	MUST(fcntl(growing, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	int lost = MUST(memfd_create("lost", 0));
	MUST(ftruncate(lost, PAGE));
	char *only_mapped = map(NULL, PAGE, RW, MAP_SHARED, lost, 0);
	fill(only_mapped, PAGE, 5);
	close(lost);
	ready_and_wait();

	whole = map(NULL, 11 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(is_filled(whole, 10 * PAGE, 1) && whole[10 * PAGE + 99] == 2);
	CHECK(memcmp(part, whole + 4 * PAGE, 2 * PAGE) == 0 && mprotect(part, PAGE, RW) == 0);
	CHECK(memcmp(private, whole, PAGE) == 0 && is_filled(private + PAGE, PAGE, 3));
	CHECK(fcntl(growing, F_GET_SEALS) == F_SEAL_FUTURE_WRITE && is_filled(writable, 2 * PAGE, 4));
	writable[0] ^= 1;
	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, growing, 0) == MAP_FAILED && errno == EPERM);
	CHECK(is_filled(only_mapped, PAGE, 5));
}

/* A memfd that is sealed against writing, and mapped. */
PROGRAM(sealed_mapping)
{
	const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;
	int fd = MUST(memfd_create("sealed", MFD_ALLOW_SEALING));
	MUST(write(fd, "sealed", 6));
	MUST(fcntl(fd, F_ADD_SEALS, seals));
	/* Kernels before 6.7 map it only for those who have opened it for reading. */
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int reading = MUST(open(path, O_RDONLY));
	char *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *other = map(NULL, PAGE, PROT_READ, MAP_SHARED, reading, 0);
	char *private = map(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	ready_and_wait();

	CHECK(fcntl(fd, F_GET_SEALS) == seals);
	CHECK(memory == MAP_FAILED || memcmp(memory, "sealed", 7) == 0);
	CHECK(memory == MAP_FAILED || (mprotect(memory, PAGE, RW) == -1 && errno == EACCES));
	CHECK(memcmp(other, "sealed", 7) == 0 && mprotect(other, PAGE, RW) == -1 && errno == EACCES);
	private[0] = 'S';
	CHECK(memcmp(private, "Sealed", 7) == 0 && other[0] == 's');
}

/* Nowhere is there a terabyte without anything. */
PROGRAM(full_address_space)
{
	char *pages[127] = {NULL};
	for (size_t block = 1; block < 127; block++) {
		char *wanted = (char *)(block * TIB + TIB / 2);
		pages[block] = mmap(wanted, PAGE, RW, ANONYMOUS, -1, 0);
		MUST(pages[block] == MAP_FAILED ? -1 : 0);
		fill(pages[block], PAGE, block);
	}
	/* The highest address of all. */
	char *last = map((char *)(128 * TIB - 2 * PAGE), PAGE, RW, ANONYMOUS, -1, 0);
	fill(last, PAGE, 127);
	char *reserved = map((char *)(TIB / 4), TIB, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	ready_and_wait();

	for (size_t block = 1; block < 127; block++)
		CHECK(is_filled(pages[block], PAGE, block));
	CHECK(is_filled(last, PAGE, 127) && !can_read(reserved));
}
