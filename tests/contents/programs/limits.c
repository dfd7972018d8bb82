#include "holder.h"
#include <sys/resource.h>

#define RESOURCES 16

static struct rlimit get(int resource)
{
	struct rlimit limit;
	MUST(syscall(SYS_prlimit64, 0, resource, NULL, &limit));
	return limit;
}

/* Every limit lower than before, with a soft limit of its own. */
PROGRAM(limits)
{
	struct rlimit before[RESOURCES];
	for (int i = 0; i < RESOURCES; i++) {
		struct rlimit limit = get(i);
		limit.rlim_max = limit.rlim_max > 1000000000 ? 1000000000UL + i : limit.rlim_max - limit.rlim_max / 4;
		limit.rlim_cur = limit.rlim_max - limit.rlim_max / 5;
		MUST(setrlimit(i, &limit));
		before[i] = get(i);
	}
	ready_and_wait();
	for (int i = 0; i < RESOURCES; i++) {
		struct rlimit now = get(i);
		CHECK(now.rlim_cur == before[i].rlim_cur && now.rlim_max == before[i].rlim_max);
	}
}

/* Limits that allow less than the task has: descriptors, memory, processes, priorities, sizes of files. */
PROGRAM(exceeded_limits)
{
	int ends[2];
	MUST(pipe(ends));
	int high = MUST(fcntl(ends[1], F_DUPFD, 500));
	char *memory = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 'x', 1 << 24);
	MUST(mlock(memory, 1 << 16));
	MUST(setpriority(PRIO_PROCESS, 0, -15));
	static const struct {
		int resource;
		rlim_t limit;
	} low[] = {
		{RLIMIT_NOFILE, 12}, {RLIMIT_AS, 40 << 20}, {RLIMIT_DATA, 0},  {RLIMIT_STACK, 1 << 14}, {RLIMIT_NPROC, 0},
		{RLIMIT_MEMLOCK, 0}, {RLIMIT_NICE, 0},	  {RLIMIT_RTPRIO, 0}, {RLIMIT_CORE, 0},	      {RLIMIT_LOCKS, 0},
	};
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		sleep_ms(10);
		end_child();
	}
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++)
		MUST(setrlimit(low[i].resource, &(struct rlimit){low[i].limit, low[i].limit}));
	ready_and_wait();
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++)
		CHECK(get(low[i].resource).rlim_cur == low[i].limit && get(low[i].resource).rlim_max == low[i].limit);
	char byte;
	CHECK(write(high, "x", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x');
	CHECK(fcntl(high, F_DUPFD, 12) == -1 && errno == EINVAL);
	CHECK(memory[0] == 'x' && memory[(1 << 24) - 1] == 'x');
	CHECK(getpriority(PRIO_PROCESS, 0) == -15);
	join_child(child);
}
