#include "memory.h"
#include <inttypes.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/time.h>

struct range {
	char *start;
	size_t size;
};

/* The mapping with this name in /proc/self/maps. */
static struct range find_mapping(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	struct range found = {NULL, 0};
	uintptr_t start, end;
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, name) != NULL && sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2) {
			if (found.start == NULL)
				found.start = (char *)start;
			found.size = end - (uintptr_t)found.start;
		}
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* A function of the vdso at `base`, by its name. */
static void *find_function(const char *base, const char *name)
{
	const ElfW(Ehdr) *header = (const void *)base;
	const ElfW(Phdr) *programs = (const void *)(base + header->e_phoff);
	const ElfW(Dyn) *dynamic = NULL;
	for (int index = 0; index < header->e_phnum; index++)
		if (programs[index].p_type == PT_DYNAMIC)
			dynamic = (const void *)(base + programs[index].p_offset);
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;
	const uint32_t *hash = NULL;
	for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_SYMTAB)
			symbols = (const void *)(base + dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_STRTAB)
			names = base + dynamic->d_un.d_ptr;
		else if (dynamic->d_tag == DT_HASH)
			hash = (const void *)(base + dynamic->d_un.d_ptr);
	}
	for (uint32_t index = 0; hash != NULL && index < hash[1]; index++)
		if (strcmp(names + symbols[index].st_name, name) == 0)
			return (void *)(base + symbols[index].st_value);
	return NULL;
}

static struct {
	int (*clock_gettime)(clockid_t, struct timespec *);
	int (*clock_getres)(clockid_t, struct timespec *);
	int (*gettimeofday)(struct timeval *, void *);
	time_t (*time)(time_t *);
	int (*getcpu)(unsigned *, unsigned *, void *);
} vdso;

static void find_functions(const char *base)
{
	vdso.clock_gettime = find_function(base, "__vdso_clock_gettime");
	vdso.clock_getres = find_function(base, "__vdso_clock_getres");
	vdso.gettimeofday = find_function(base, "__vdso_gettimeofday");
	vdso.time = find_function(base, "__vdso_time");
	vdso.getcpu = find_function(base, "__vdso_getcpu");
}

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

/* From now on the kernel does not answer: what is told comes from the vdso. */
static void forbid_system_calls(void)
{
	const int calls[] = {SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_time, SYS_getcpu};
	for (size_t index = 0; index < sizeof(calls) / sizeof(*calls); index++) {
		struct sock_filter program[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[index], 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		struct sock_fprog filter = {4, program};
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
	}
}

#define CLOCK "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* Whether this machine has a clock that the vdso can read: with others, it asks the kernel. */
static bool has_readable_clock(void)
{
	return has_text(CLOCK, "tsc\n") || has_text(CLOCK, "kvm-clock\n");
}

/* What the functions tell is what the kernel tells, without system calls where it can be. */
static void check_functions(void)
{
	struct timespec before, now, realtime, resolution, real_resolution;
	struct timeval day = {0, 0};
	unsigned cpu = -1;
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &before));
	MUST(syscall(SYS_clock_gettime, CLOCK_REALTIME, &realtime));
	MUST(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &real_resolution));
	if (has_readable_clock())
		forbid_system_calls();
	CHECK(vdso.clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	CHECK(nanoseconds(&now) >= nanoseconds(&before) && nanoseconds(&now) - nanoseconds(&before) < 5000000000LL);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && nanoseconds(&before) >= nanoseconds(&now));
	CHECK(vdso.clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
	CHECK(nanoseconds(&resolution) == nanoseconds(&real_resolution));
	CHECK(vdso.gettimeofday(&day, NULL) == 0 && day.tv_sec - realtime.tv_sec <= 5 && day.tv_sec >= realtime.tv_sec);
	time_t seconds = vdso.time(NULL);
	CHECK(seconds - realtime.tv_sec <= 5 && seconds >= realtime.tv_sec - 1);
	/* That of 32 bits has none. */
	CHECK(vdso.getcpu == NULL || (vdso.getcpu(&cpu, NULL, NULL) == 0 && cpu < 4096));
}

static bool has_vdso(void)
{
	return getauxval(AT_SYSINFO_EHDR) != 0;
}

/* The functions of the vdso, which a test may have made another kernel's; in a child as well. */
PROGRAM(clocks)
{
	if (has_vdso())
		find_functions((char *)getauxval(AT_SYSINFO_EHDR));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		if (has_vdso())
			check_functions();
		end_child();
	}
	ready_and_wait();

	if (has_vdso())
		check_functions();
	join_child(child);
}

static void move(struct range range, char *to)
{
	char *moved = mremap(range.start, range.size, range.size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	MUST(moved == to ? 0 : -1);
}

/* A task that has moved its vdso, with its data. */
PROGRAM(moved_vdso)
{
	struct range code = find_mapping("[vdso]"), data = find_mapping("[vvar]"), clocks = find_mapping("[vvar_vclock]");
	char *room = free_addresses(64 * PAGE);
	if (has_vdso()) {
		char *base = data.start < code.start ? data.start : code.start;
		move(data, room + (data.start - base));
		if (clocks.start != NULL)
			move(clocks, room + (clocks.start - base));
		move(code, room + (code.start - base));
		find_functions(room + (code.start - base));
	}
	ready_and_wait();
	/* The C library has addresses that are no longer right. */
	if (has_vdso()) {
		struct timespec now;
		CHECK(vdso.clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec != 0);
	}
}

/* A task that has the code without the data; without both, there is nothing to restore. */
PROGRAM(broken_vdso)
{
	struct range data = find_mapping("[vvar]"), clocks = find_mapping("[vvar_vclock]"), code = find_mapping("[vdso]");
	if (has_vdso()) {
		MUST(munmap(data.start, data.size));
		if (clocks.start != NULL)
			MUST(munmap(clocks.start, clocks.size));
	}
	int started[2];
	char byte;
	MUST(pipe(started));
	pid_t child = fork_as(1);
	if (child == 0) {
		if (has_vdso())
			MUST(munmap(code.start, code.size));
		MUST(write(started[1], "s", 1));
		while (!may_go())
			sleep_ms(5);
		CHECK(find_mapping("[vdso]").start == NULL && find_mapping("[vvar]").start == NULL);
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();
	CHECK(find_mapping("[vdso]").start == code.start && find_mapping("[vvar]").start == NULL);
	join_child(child);
}
