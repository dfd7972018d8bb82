#include "holder.h"

static char state_of(pid_t pid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return '?';
	close(fd);
	const char *end = strrchr(text, ')');
	return end == NULL ? '?' : end[2];
}

static volatile sig_atomic_t continued, told;

static void count(int signal)
{
	if (signal == SIGCONT)
		continued++;
	else
		told++;
}

static void *wait_stopped(void *unused)
{
	while (!continued)
		sleep_ms(5);
	return unused;
}

static void stop_with_threads(int signal)
{
	pthread_t threads[] = {thread_as(10, wait_stopped, NULL), thread_as(11, wait_stopped, NULL)};
	raise(signal);
	/* The handler may run in any thread. */
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

/* Stopped tasks: by the signal that cannot be caught, and by that of terminals, with threads. */
PROGRAM(stopped)
{
	signal(SIGCONT, count);
	signal(SIGCHLD, count);
	pid_t plain = fork_as(1);
	if (plain == 0) {
		raise(SIGSTOP);
		CHECK(continued == 1);
		end_child();
	}
	pid_t group = fork_as(2);
	if (group == 0) {
		/* Of its own group, for which its parent can care. */
		MUST(setpgid(0, 0));
		stop_with_threads(SIGTSTP);
		CHECK(continued == 1);
		end_child();
	}
	int status;
	MUST(waitpid(plain, &status, WUNTRACED));
	MUST(waitpid(group, &status, WUNTRACED));
	told = 0;
	ready_and_wait();

	CHECK(state_of(plain) == 'T' && state_of(group) == 'T');
	CHECK(told == 0);
	signal(SIGCHLD, SIG_DFL);
	CHECK(kill(plain, SIGCONT) == 0 && kill(group, SIGCONT) == 0);
	join_child(plain);
	join_child(group);
}

/* Stopped, and has been sent a signal since. */
PROGRAM(stopped_with_signal)
{
	signal(SIGCONT, count);
	pid_t child = fork_as(1);
	if (child == 0) {
		signal(SIGUSR1, count);
		raise(SIGSTOP);
		while (told == 0)
			sleep_ms(5);
		end_child();
	}
	int status;
	MUST(waitpid(child, &status, WUNTRACED));
	kill(child, SIGUSR1);
	ready_and_wait();
	CHECK(state_of(child) == 'T');
	CHECK(kill(child, SIGCONT) == 0);
	join_child(child);
}
