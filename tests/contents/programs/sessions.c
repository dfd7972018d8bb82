#include "holder.h"

static volatile sig_atomic_t told;

static void note(int signal)
{
	(void)signal;
	told++;
}

/* Ends when its group has been told. */
static void wait_for_signal(void)
{
	sigset_t none;
	sigemptyset(&none);
	while (told == 0)
		sigsuspend(&none);
	end_child();
}

/* Sessions and groups below each other, some of whose leaders have ended; signals for groups find their way. */
PROGRAM(sessions)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &mask, NULL));
	signal(SIGUSR1, note);
	int links[2];
	MUST(pipe(links));

	pid_t of_group = fork_as(1);
	if (of_group == 0) {
		MUST(setpgid(0, 0));
		MUST(write(links[1], "g", 1));
		wait_for_signal();
	}
	pid_t of_session = fork_as(2);
	if (of_session == 0) {
		MUST(setsid());
		pid_t below = fork_as(3);
		if (below == 0) {
			MUST(write(links[1], "b", 1));
			wait_for_signal();
		}
		pid_t leader = fork_as(4);
		if (leader == 0) {
			MUST(setpgid(0, 0));
			pid_t member = fork_as(5);
			if (member == 0) {
				MUST(write(links[1], "m", 1));
				wait_for_signal();
			}
			MUST(write(links[1], "l", 1));
			wait_for_signal();
		}
		MUST(write(links[1], "s", 1));
		while (!may_go())
			sleep_ms(5);
		CHECK(getsid(0) == getpid() && getpgrp() == getpid());
		CHECK(getsid(below) == getpid() && getpgid(below) == getpid());
		CHECK(getsid(leader) == getpid() && getpgid(leader) == leader);
		CHECK(getpgid(leader + 1) == leader);
		CHECK(kill(-leader, SIGUSR1) == 0);
		join_child(leader);
		CHECK(kill(below, 0) == 0 && told == 0);
		CHECK(kill(below, SIGUSR1) == 0);
		join_child(below);
		end_child();
	}
	char text[5];
	for (int i = 0; i < 5; i++)
		MUST(read(links[0], text + i, 1));
	ready_and_wait();

	CHECK(getsid(0) == getpid() && getpgid(of_group) == of_group && getsid(of_group) == getpid());
	CHECK(getsid(of_session) == of_session);
	CHECK(kill(-of_group, SIGUSR1) == 0);
	join_child(of_group);
	join_child(of_session);
	CHECK(sigpending(&mask) == 0 && !sigismember(&mask, SIGUSR1));
}
