#include "holder.h"

#define PAGE 4096
#define PAGES 200

/* Whether a page is there, and nobody else has it (Documentation/admin-guide/mm/pagemap.rst). */
static bool is_exclusive(const char *address)
{
	uint64_t entry = 0;
	int fd = MUST(open("/proc/self/pagemap", O_RDONLY));
	CHECK(pread(fd, &entry, sizeof(entry), (uintptr_t)address / PAGE * sizeof(entry)) == sizeof(entry));
	close(fd);
	CHECK(entry >> 63 == 1);
	return (entry >> 56 & 1) == 1;
}

static void fill(char *memory, int first, int count, int seed)
{
	for (int page = first; page < first + count; page++)
		for (int i = 0; i < PAGE; i += 8)
			*(uint64_t *)(memory + page * PAGE + i) = (uint64_t)seed << 32 | page * PAGE | i;
}

static bool has(const char *memory, int first, int count, int seed)
{
	for (int page = first; page < first + count; page++)
		for (int i = 0; i < PAGE; i += 8)
			if (*(uint64_t *)(memory + page * PAGE + i) != ((uint64_t)seed << 32 | page * PAGE | i))
				return false;
	return true;
}

static bool is_zero(const char *memory, int first, int count)
{
	for (int i = first * PAGE; i < (first + count) * PAGE; i++)
		if (memory[i] != 0)
			return false;
	return true;
}

static char *anonymous(int pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory == MAP_FAILED ? -1 : 0);
	return memory;
}

static void wait_for_go(void)
{
	while (!may_go())
		sleep_ms(5);
}

/* What is shared must stay so until all have looked. */
static void leave_together(int done, int leave)
{
	char byte;
	MUST(write(done, "x", 1));
	CHECK(read(leave, &byte, 1) == 0);
	end_child();
}

/* Parent, child and grandchild share what none of them has changed, and have the rest alone. */
PROGRAM(cow)
{
	char *memory = anonymous(PAGES);
	char *readonly = anonymous(20);
	char *gone = anonymous(10);
	fill(memory, 0, 100, 1);
	fill(readonly, 0, 20, 2);
	fill(gone, 0, 10, 3);
	MUST(mprotect(readonly, 20 * PAGE, PROT_READ));
	int done[2], leave[2];
	MUST(pipe(done));
	MUST(pipe(leave));

	pid_t child = fork_as(1);
	if (child == 0) {
		close(leave[1]);
		fill(memory, 10, 5, 4);   /* changed */
		fill(memory, 150, 5, 5);  /* new */
		MUST(madvise(memory + 30 * PAGE, 5 * PAGE, MADV_DONTNEED));
		MUST(munmap(gone, 10 * PAGE));
		MUST(mprotect(readonly, 20 * PAGE, PROT_READ | PROT_WRITE));
		fill(readonly, 3, 1, 6);
		MUST(mprotect(readonly, 20 * PAGE, PROT_READ));
		char *own = anonymous(10);
		fill(own, 0, 10, 7);
		pid_t grandchild = fork_as(2);
		if (grandchild == 0) {
			fill(memory, 11, 1, 8);
			fill(own, 5, 1, 9);
			MUST(write(done[1], "g", 1));
			wait_for_go();
			CHECK(has(memory, 0, 10, 1) && has(memory, 10, 1, 4) && has(memory, 11, 1, 8) && has(memory, 12, 3, 4));
			CHECK(has(own, 0, 5, 7) && has(own, 5, 1, 9) && has(own, 6, 4, 7));
			CHECK(!is_exclusive(memory) && !is_exclusive(memory + 10 * PAGE) && !is_exclusive(own));
			CHECK(is_exclusive(memory + 11 * PAGE) && is_exclusive(own + 5 * PAGE));
			leave_together(done[1], leave[0]);
		}
		MUST(write(done[1], "c", 1));
		wait_for_go();
		CHECK(has(memory, 0, 10, 1) && has(memory, 10, 5, 4) && has(memory, 15, 15, 1) && is_zero(memory, 30, 5));
		CHECK(has(memory, 35, 65, 1) && is_zero(memory, 100, 50) && has(memory, 150, 5, 5));
		CHECK(has(readonly, 0, 3, 2) && has(readonly, 3, 1, 6) && has(readonly, 4, 16, 2) && has(own, 0, 10, 7));
		CHECK(!is_exclusive(memory) && !is_exclusive(readonly) && !is_exclusive(memory + 12 * PAGE));
		CHECK(!is_exclusive(memory + 150 * PAGE) && is_exclusive(memory + 11 * PAGE));
		leave_together(done[1], leave[0]);
	}
	char byte;
	MUST(read(done[0], &byte, 1));
	MUST(read(done[0], &byte, 1));
	ready_and_wait();
	MUST(read(done[0], &byte, 1));
	MUST(read(done[0], &byte, 1));
	CHECK(has(memory, 0, 100, 1) && is_zero(memory, 100, 100) && has(readonly, 0, 20, 2) && has(gone, 0, 10, 3));
	CHECK(!is_exclusive(memory) && is_exclusive(memory + 10 * PAGE) && is_exclusive(readonly + 3 * PAGE));
	close(leave[1]);
	join_child(child);
}

/* Of the program that is the child's: it maps its parent's, and is there. */
PROGRAM(executed_child)
{
	char parent[64];
	snprintf(parent, sizeof(parent), "/proc/%d/exe", getppid());
	int fd = MUST(open(parent, O_RDONLY));
	char *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	MUST(memory == MAP_FAILED ? -1 : 0);
	close(fd);
	char mark[32];
	snprintf(mark, sizeof(mark), "runs-%d", getpid());
	close(MUST(open(path_of(mark), O_WRONLY | O_CREAT, 0600)));
	while (!may_go())
		sleep_ms(5);
	CHECK(memcmp(memory, "\177ELF", 4) == 0);
	end_child();
}

/* It runs the program when this returns. */
static pid_t execute_as(int number, const char *path)
{
	pid_t child = fork_as(number);
	if (child == 0) {
		char *arguments[] = {"holder", "executed_child", (char *)directory, NULL};
		MUST(execv(path, arguments));
	}
	char mark[32];
	snprintf(mark, sizeof(mark), "runs-%d", child);
	while (access(path_of(mark), F_OK) != 0)
		sleep_ms(1);
	return child;
}

/* A child that has executed its parent's program again, and one that has executed another one. */
PROGRAM(executed)
{
	char command[300];
	snprintf(command, sizeof(command), "cp /proc/%d/exe %s", getpid(), path_of("copy"));
	MUST(system(command) == 0 ? 0 : -1);
	pid_t again = execute_as(1, "/proc/self/exe"), other = execute_as(2, path_of("copy"));
	ready_and_wait();
	join_child(again);
	join_child(other);
}

/* A task whose parent is gone, and the leader of whose session is a zombie, shares pages with who has adopted it. */
PROGRAM(adopted)
{
	char *memory = malloc(PAGES * PAGE);
	memset(memory, 5, PAGES * PAGE);
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	pid_t sharer = fork_as(1);
	if (sharer == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(memory[PAGE] == 5);
		end_child();
	}
	pid_t leader = fork_as(2);
	if (leader == 0) {
		MUST(setsid());
		if (fork_as(3) != 0)
			_exit(0);
		while (!may_go())
			sleep_ms(5);
		CHECK(memory[PAGE] == 5 && getsid(0) == getppid() + 2);
		end_child();
	}
	siginfo_t info;
	MUST(waitid(P_PID, leader, &info, WEXITED | WNOWAIT));
	ready_and_wait();
	join_child(sharer);
	join_child(leader);
	join_child(leader + 1);
}
