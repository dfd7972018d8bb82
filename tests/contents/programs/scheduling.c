#include "holder.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>

static pthread_barrier_t barrier;

struct scheduling {
	int policy, priority, nice;
};

static const struct scheduling kinds[] = {
	{SCHED_OTHER, 0, -20},
	{SCHED_OTHER, 0, 19},
	{SCHED_FIFO, 17, 5},
	{SCHED_RR, 99, -3},
	{SCHED_BATCH, 0, 7},
	{SCHED_IDLE, 0, 3},
	{SCHED_OTHER | SCHED_RESET_ON_FORK, 0, -5},
	{SCHED_FIFO | SCHED_RESET_ON_FORK, 1, 0},
};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static void set(const struct scheduling *kind)
{
	struct sched_param param = {kind->priority};
	MUST(setpriority(PRIO_PROCESS, gettid(), kind->nice));
	MUST(sched_setscheduler(gettid(), kind->policy, &param));
}

static void check(const struct scheduling *kind)
{
	struct sched_param param;
	CHECK(sched_getscheduler(gettid()) == kind->policy);
	CHECK(sched_getparam(gettid(), &param) == 0 && param.sched_priority == kind->priority);
	CHECK(getpriority(PRIO_PROCESS, gettid()) == kind->nice);
}

static void *be_scheduled(void *kind)
{
	set(kind);
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	check(kind);
	return NULL;
}

/* Threads with every policy, with and without a priority and a nice value of their own. */
PROGRAM(scheduling)
{
	pthread_barrier_init(&barrier, NULL, KINDS + 1);
	pthread_t threads[KINDS];
	for (int i = 0; i < KINDS; i++)
		threads[i] = thread_as(1 + i, be_scheduled, (void *)&kinds[i]);
	pthread_barrier_wait(&barrier);
	set(&kinds[1]);
	ready_and_wait();
	check(&kinds[1]);
	for (int i = 0; i < KINDS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

struct deadline {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* A policy that the images have only the name of. */
PROGRAM(deadline)
{
	struct deadline attributes = {sizeof(attributes), SCHED_DEADLINE, 0, 0, 0, 1000000, 50000000, 100000000};
	MUST(syscall(SYS_sched_setattr, 0, &attributes, 0));
	ready_and_wait();
}
