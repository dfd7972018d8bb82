#include "holder.h"
#include <poll.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFD_NONBLOCK O_NONBLOCK

static int open_pidfd(pid_t pid, unsigned int flags)
{
	return MUST(syscall(SYS_pidfd_open, pid, flags));
}

static int send_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Whether the process has ended. */
static bool has_ended(int pidfd)
{
	struct pollfd file = {pidfd, POLLIN, 0};
	return poll(&file, 1, 0) == 1 && (file.revents & POLLIN) != 0;
}

static bool is_same(int one, int other)
{
	struct stat first, second;
	return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_ino == second.st_ino;
}

static volatile int received;

static void count(int signal)
{
	(void)signal;
	received++;
}

/* Of the task itself, a child, a parent, and a child that is a zombie. */
PROGRAM(pidfds)
{
	signal(SIGUSR1, count);
	int self = open_pidfd(getpid(), 0);
	pid_t child = fork_as(1);
	if (child == 0) {
		int parent = open_pidfd(getppid(), 0);
		while (received == 0)
			sleep_ms(2);
		CHECK(send_signal(parent, SIGUSR1) == 0);
		CHECK(send_signal(self, SIGUSR1) == 0);
		sleep_ms(200);
		end_child();
	}
	pid_t zombie = fork_as(2);
	if (zombie == 0)
		_exit(7);
	int of_child = open_pidfd(child, PIDFD_NONBLOCK);
	int again = open_pidfd(child, 0);
	int copy = MUST(dup(of_child));
	int of_zombie = open_pidfd(zombie, 0);
	while (!has_ended(of_zombie))
		sleep_ms(1);
	ready_and_wait();

	CHECK((fcntl(of_child, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(again, F_GETFL) & O_NONBLOCK) == 0);
	CHECK(!has_ended(self) && !has_ended(of_child));
	siginfo_t info = {0};
	CHECK(waitid(P_PIDFD, of_child, &info, WEXITED) == -1 && errno == EAGAIN);
	CHECK(has_ended(of_zombie));
	CHECK(waitid(P_PIDFD, of_zombie, &info, WEXITED) == 0 && info.si_pid == zombie && info.si_status == 7);
	CHECK(send_signal(copy, SIGUSR1) == 0);
	for (int i = 0; i < 5000 && received == 0; i++)
		sleep_ms(2);
	CHECK(received >= 1);
	CHECK(waitid(P_PIDFD, again, &info, WEXITED) == 0 && info.si_pid == child && info.si_status == 0);
	CHECK(has_ended(of_child) && send_signal(of_child, 0) == -1 && errno == ESRCH);
}

/* Of processes that have ended and been waited for: two of one, and one of another, in two tasks. */
PROGRAM(ended_pidfds)
{
	pid_t first = fork_as(1);
	if (first == 0)
		_exit(0);
	int one = open_pidfd(first, 0);
	int same = open_pidfd(first, PIDFD_NONBLOCK);
	MUST(waitpid(first, NULL, 0));
	pid_t second = fork_as(2);
	if (second == 0)
		_exit(0);
	int other = open_pidfd(second, 0);
	MUST(waitpid(second, NULL, 0));
	pid_t child = fork_as(3);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(has_ended(one) && send_signal(one, 0) == -1 && errno == ESRCH);
		end_child();
	}
	ready_and_wait();

	CHECK(has_ended(one) && has_ended(same) && has_ended(other));
	CHECK(send_signal(other, 0) == -1 && errno == ESRCH);
	CHECK(is_same(one, same) && !is_same(one, other));
	CHECK((fcntl(same, F_GETFL) & O_NONBLOCK) != 0);
	join_child(child);
}
