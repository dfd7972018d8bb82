/* Net namespaces of tasks' own, set up by ip(8). */
#pragma once
#include "inet.h"
#include <poll.h>
#include <sched.h>

static inline void run(const char *command)
{
	if (MUST(system(command)) == 0)
		return;
	fprintf(stderr, "%s has failed\n", command);
	exit(1);
}

static inline void enter_network(void)
{
	MUST(unshare(CLONE_NEWNET));
}

/* While the kernel finds out whether a device has been connected, and whether anybody else has its addresses. */
#define IS_SETTLING "ip addr | grep -q -e tentative -e NO-CARRIER"

/* The kernel asks whether anybody else has an address, once a device has been found to be connected. */
static inline void await_addresses(void)
{
	run("while " IS_SETTLING "; do sleep 0.1; done");
}

static inline bool receives(int fd, const char *text)
{
	char found[100] = "";
	struct pollfd waiting = {fd, POLLIN, 0};
	return poll(&waiting, 1, 5000) == 1 && recv(fd, found, sizeof(found), MSG_DONTWAIT) == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

/* For tasks in several net namespaces: who is ready, and whether all may end. */
struct progress {
	volatile int ready;
	volatile bool may_end;
};

/* One for a task and its children. */
static inline struct progress *share_progress(void)
{
	struct progress *progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(progress == MAP_FAILED ? -1 : 0);
	return progress;
}

static inline void await_ready(const struct progress *progress, int number)
{
	while (progress->ready != number)
		sleep_ms(5);
}

/* As many as are made before, and this one, are ready. */
static inline void tell_ready(struct progress *progress, int number)
{
	await_ready(progress, number);
	progress->ready++;
}

static inline void await_end(const struct progress *progress)
{
	while (!progress->may_end)
		sleep_ms(5);
}
