#include "holder.h"

static void *make_child(void *child)
{
	if ((*(volatile pid_t *)child = fork_as(30)) == 0)
		_exit(9);
	while (!may_go())
		sleep_ms(5);
	return NULL;
}

/* Children that have ended in all the ways there are, one of them made by a thread; what nobody has waited for. */
PROGRAM(zombies)
{
	const int ends[] = {0,       1 << 8,  255 << 8,    SIGTERM,      SIGKILL, SIGTRAP,
			    SIGSEGV, SIGABRT, SIGRTMIN + 3, SIGALRM};
	const int count = sizeof(ends) / sizeof(ends[0]);
	pid_t children[count];
	volatile pid_t of_thread = 0;
	for (int i = 0; i < count; i++) {
		children[i] = fork_as(1 + i);
		if (children[i] != 0)
			continue;
		MUST(prctl(PR_SET_DUMPABLE, 0));
		if (ends[i] < 0x100 && ends[i] > 0)
			raise(ends[i]);
		_exit(ends[i] >> 8);
	}
	pthread_t thread = thread_as(31, make_child, (void *)&of_thread);
	siginfo_t info;
	while (of_thread == 0)
		sleep_ms(1);
	MUST(waitid(P_PID, of_thread, &info, WEXITED | WNOWAIT));
	for (int i = 0; i < count; i++)
		MUST(waitid(P_PID, children[i], &info, WEXITED | WNOWAIT));
	ready_and_wait();

	int status;
	for (int i = 0; i < count; i++) {
		CHECK(waitpid(children[i], &status, 0) == children[i]);
		CHECK(status == ends[i]);
	}
	CHECK(waitpid(of_thread, &status, 0) == of_thread && WEXITSTATUS(status) == 9);
	CHECK(wait(&status) == -1 && errno == ECHILD);
	CHECK(pthread_join(thread, NULL) == 0);
}

static int ended;

static void count_end(int signal)
{
	(void)signal;
	ended++;
}

/* The end of a child that has been told of is not told again. */
PROGRAM(told_zombie)
{
	signal(SIGCHLD, count_end);
	pid_t child = fork_as(1);
	if (child == 0)
		_exit(3);
	while (ended == 0)
		sleep_ms(1);
	ready_and_wait();
	sleep_ms(20);
	CHECK(ended == 1);
	int status;
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
}
