#include "holder.h"
#include <linux/membarrier.h>
#include <sys/personality.h>

/* MEMBARRIER_CMD_GET_REGISTRATIONS of newer headers. */
#define GET_REGISTRATIONS (1 << 9)

static void write_text(const char *name, const char *text)
{
	int fd = MUST(open(name, O_WRONLY));
	MUST(write(fd, text, strlen(text)));
	close(fd);
}

static int read_number(const char *name)
{
	char text[32] = "";
	int fd = MUST(open(name, O_RDONLY));
	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	return atoi(text);
}

/* What a task can set for itself, one way or another. */
PROGRAM(controls)
{
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	MUST(prctl(PR_SET_NAME, "odd )(name \n\\"));
	write_text("/proc/self/oom_score_adj", "333");
	umask(0741);
	MUST(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	MUST(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
	MUST(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	int registered = syscall(SYS_membarrier, GET_REGISTRATIONS, 0, 0);
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(prctl(PR_SET_NAME, ""));
		write_text("/proc/self/oom_score_adj", "555");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!may_go())
			sleep_ms(5);
		int value;
		CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 0);
		CHECK(prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGKILL);
		CHECK(read_number("/proc/self/oom_score_adj") == 555);
		end_child();
	}
	ready_and_wait();
	int value;
	char name[16];
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
	CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "odd )(name \n\\") == 0);
	CHECK(read_number("/proc/self/oom_score_adj") == 333);
	CHECK(umask(0) == 0741);
	CHECK(syscall(SYS_membarrier, GET_REGISTRATIONS, 0, 0) == registered);
	CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
	join_child(child);
}

/* Dies with its parent. */
PROGRAM(death_with_parent)
{
	int ends[2];
	MUST(pipe(ends));
	pid_t parent = fork_as(1);
	if (parent == 0) {
		if (fork_as(2) == 0) {
			MUST(prctl(PR_SET_PDEATHSIG, SIGTERM));
			MUST(write(ends[1], "x", 1));
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	char byte;
	MUST(read(ends[0], &byte, 1));
	close(ends[1]);
	ready_and_wait();
	CHECK(kill(parent, SIGKILL) == 0 && waitpid(parent, NULL, 0) == parent);
	/* Nobody has the other end any more. */
	CHECK(read(ends[0], &byte, 1) == 0);
}

/* Personality, which also decides what memory can be made. */
PROGRAM(personality_flags)
{
	MUST(personality(ADDR_NO_RANDOMIZE));
	char *plain = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC));
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(personality(PER_LINUX32));
		while (!may_go())
			sleep_ms(5);
		CHECK(personality(0xffffffff) == PER_LINUX32);
		end_child();
	}
	ready_and_wait();
	CHECK(personality(0xffffffff) == (ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC));
	CHECK(*plain == 0);
	join_child(child);
}
