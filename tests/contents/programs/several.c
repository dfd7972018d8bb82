#include "holder.h"

static void *sleep_on(void *argument)
{
	(void)argument;
	for (;;)
		pause();
	return NULL;
}

/* A little of everything: two tasks, a thread, files, shared memory, a timer, a queued signal. */
PROGRAM(several)
{
	int tube[2];
	MUST(pipe(tube));
	MUST(write(tube[1], "abc", 3));
	int file = MUST(open(path_of("data"), O_RDWR | O_CREAT, 0600));
	MUST(write(file, "0123456789", 10));
	char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	strcpy(shared, "shared");
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &mask, NULL));
	MUST(kill(getpid(), SIGUSR1));
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	MUST(setpriority(0, 0, 5));
	thread_as(2, sleep_on, NULL);
	pid_t child = fork_as(1);
	if (child == 0) {
		char text[3];
		while (!may_go())
			sleep_ms(5);
		CHECK(read(tube[0], text, 3) == 3 && memcmp(text, "abc", 3) == 0);
		strcpy(shared, "child");
		end_child();
	}
	ready_and_wait();
	join_child(child);
	CHECK(strcmp(shared, "child") == 0);
	CHECK(sigpending(&mask) == 0 && sigismember(&mask, SIGUSR1) == 1);
	CHECK(lseek(file, 0, SEEK_CUR) == 10);
	CHECK(timer_delete(timer) == 0);
}
