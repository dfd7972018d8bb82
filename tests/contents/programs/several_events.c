#include "holder.h"
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

/* A little of everything that tells of events: what is made in several steps, by the coordinator, by tasks and by us. */
PROGRAM(several_events)
{
	int tube[2];
	MUST(pipe(tube));
	int epoll = MUST(epoll_create1(0));
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, tube[0], &event));
	MUST(write(tube[1], "x", 1));
	MUST(epoll_wait(epoll, &event, 1, 0) == 1 ? 0 : -1);
	MUST(setresuid(-1, 4321, -1));
	MUST(fcntl(tube[0], F_SETOWN, getpid()));
	MUST(setresuid(-1, 0, -1));
	int timer = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec times = {{0, 0}, {1000000, 0}};
	MUST(timerfd_settime(timer, TFD_TIMER_ABSTIME, &times, NULL));
	int notify = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(notify, "/usr", IN_CREATE));
	int lease = MUST(open(path_of("lease"), O_RDONLY | O_CREAT, 0600));
	signal(SIGIO, SIG_IGN);
	MUST(fcntl(lease, F_SETLEASE, F_RDLCK));
	MUST(open(path_of("lease"), O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK ? 0 : -1);
	int lock = MUST(open(path_of("lock"), O_RDWR | O_CREAT, 0600));
	MUST(flock(lock, LOCK_EX));
	pid_t ended = fork_as(1);
	if (ended == 0)
		_exit(0);
	int pidfd = MUST(syscall(SYS_pidfd_open, ended, 0));
	MUST(waitpid(ended, NULL, 0));
	ready_and_wait();

	CHECK(fcntl(lease, F_GETLEASE) == F_UNLCK);
	CHECK(flock(open(path_of("lock"), O_RDONLY), LOCK_SH | LOCK_NB) == -1);
	CHECK(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == -1 && errno == ESRCH);
	CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
}
