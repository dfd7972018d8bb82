#include "holder.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* Counters that are zero and not; flags; a duplicate, and another task. */
PROGRAM(eventfds)
{
	uint64_t value;
	int small = MUST(eventfd(7, 0));
	int empty = MUST(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	int flagged = MUST(eventfd(UINT32_MAX, EFD_NONBLOCK));
	MUST(fcntl(flagged, F_SETFL, O_APPEND | O_NONBLOCK));
	int copy = MUST(fcntl(small, F_DUPFD, 50));
	int started[2];
	char byte;
	MUST(pipe(started));
	pid_t child = fork_as(1);
	if (child == 0) {
		uint64_t found;
		CHECK(read(empty, &found, sizeof(found)) == -1 && errno == EAGAIN);
		fcntl(empty, F_SETFL, 0);
		MUST(write(started[1], "s", 1));
		CHECK(read(empty, &found, sizeof(found)) == sizeof(found) && found == 5);
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	CHECK(read(copy, &value, sizeof(value)) == sizeof(value) && value == 7);
	CHECK((fcntl(small, F_GETFL) & O_NONBLOCK) == 0);
	CHECK((fcntl(flagged, F_GETFL) & (O_APPEND | O_NONBLOCK)) == (O_APPEND | O_NONBLOCK));
	CHECK(read(flagged, &value, sizeof(value)) == sizeof(value) && value == UINT32_MAX);
	CHECK(read(flagged, &value, sizeof(value)) == -1 && errno == EAGAIN);
	CHECK(fcntl(empty, F_GETFD) == FD_CLOEXEC);
	value = 5;
	CHECK(write(empty, &value, sizeof(value)) == sizeof(value));
	join_child(child);
}

/* Counters beyond 32 bits. */
PROGRAM(large_eventfds)
{
	int full = MUST(eventfd(0, 0));
	uint64_t value = UINT64_MAX - 1;
	MUST(write(full, &value, sizeof(value)));
	int large = MUST(eventfd(3, EFD_NONBLOCK));
	value = 1ULL << 40;
	MUST(write(large, &value, sizeof(value)));
	ready_and_wait();

	struct pollfd poll_full = {full, POLLIN | POLLOUT, 0};
	CHECK(poll(&poll_full, 1, 0) == 1 && poll_full.revents == POLLIN);
	CHECK(read(full, &value, sizeof(value)) == sizeof(value) && value == UINT64_MAX - 1);
	CHECK(read(large, &value, sizeof(value)) == sizeof(value) && value == (1ULL << 40) + 3);
	CHECK(read(large, &value, sizeof(value)) == -1 && errno == EAGAIN);
}

/* One event at most, without waiting: its data, or NOTHING. */
#define NOTHING UINT64_MAX
static uint64_t next_event(int epoll, uint32_t *events)
{
	struct epoll_event event;
	if (epoll_wait(epoll, &event, 1, 0) != 1)
		return NOTHING;
	if (events != NULL)
		*events = event.events;
	return event.data.u64;
}

static void watch(int epoll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

/* Level and edge, once, exclusive and nested; what was ready is so again. */
PROGRAM(epolls)
{
	int epoll = MUST(epoll_create1(EPOLL_CLOEXEC));
	int level[2], edge[2], once[2], exclusive[2], inner_pipe[2];
	MUST(pipe(level));
	MUST(pipe(edge));
	MUST(pipe(once));
	MUST(pipe(exclusive));
	MUST(pipe(inner_pipe));
	watch(epoll, level[0], EPOLLIN, 0x1111222233334444);
	watch(epoll, edge[0], EPOLLIN | EPOLLET, 2);
	watch(epoll, once[0], EPOLLIN | EPOLLONESHOT, 3);
	watch(epoll, exclusive[0], EPOLLIN | EPOLLEXCLUSIVE, 4);
	/* Ready when it is dumped. */
	MUST(write(level[1], "y", 1));
	/* Nested, with something ready inside. */
	int inner = MUST(epoll_create1(0));
	watch(inner, inner_pipe[0], EPOLLIN, 50);
	int outer = MUST(epoll_create1(0));
	watch(outer, inner, EPOLLIN, 51);
	MUST(write(inner_pipe[1], "z", 1));
	int none = MUST(epoll_create1(0));
	MUST(fcntl(none, F_SETFL, O_NONBLOCK));
	ready_and_wait();

	uint32_t events;
	char byte;
	CHECK(next_event(epoll, &events) == 0x1111222233334444 && events == EPOLLIN);
	CHECK(read(level[0], &byte, 1) == 1 && byte == 'y');
	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(write(edge[1], "e", 1) == 1);
	CHECK(next_event(epoll, NULL) == 2);
	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(write(exclusive[1], "e", 1) == 1);
	CHECK(next_event(epoll, NULL) == 4);
	CHECK(read(exclusive[0], &byte, 1) == 1);
	CHECK(write(once[1], "o", 1) == 1);
	CHECK(next_event(epoll, NULL) == 3);
	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(next_event(outer, NULL) == 51 && next_event(inner, NULL) == 50);
	CHECK(read(inner_pipe[0], &byte, 1) == 1);
	CHECK(next_event(outer, NULL) == NOTHING && next_event(inner, NULL) == NOTHING);
	CHECK(write(inner_pipe[1], "z", 1) == 1);
	CHECK(next_event(outer, NULL) == 51 && next_event(inner, NULL) == 50);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, edge[0], NULL) == 0);
	CHECK(next_event(none, NULL) == NOTHING && (fcntl(none, F_GETFL) & O_NONBLOCK) != 0);
}

/* Watches that have told once keep quiet: what is ready, what has hung up, and what has nothing to tell. */
PROGRAM(epoll_oneshots)
{
	int epoll = MUST(epoll_create1(0));
	int hung_up[2], read_out[2], closed_later[2];
	MUST(pipe(hung_up));
	MUST(pipe(read_out));
	MUST(pipe(closed_later));
	int counter = MUST(eventfd(1, 0));
	MUST(write(hung_up[1], "x", 1));
	MUST(write(read_out[1], "x", 1));
	MUST(write(closed_later[1], "x", 1));
	watch(epoll, hung_up[0], EPOLLIN | EPOLLONESHOT, 1);
	watch(epoll, read_out[0], EPOLLIN | EPOLLONESHOT | EPOLLET, 2);
	watch(epoll, counter, EPOLLIN | EPOLLONESHOT | EPOLLET, 3);
	watch(epoll, closed_later[0], EPOLLIN | EPOLLONESHOT, 4);
	struct epoll_event told[4];
	MUST(epoll_wait(epoll, told, 4, 0) == 4 ? 0 : -1);
	close(hung_up[1]);
	char byte;
	MUST(read(read_out[0], &byte, 1));
	ready_and_wait();

	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(write(read_out[1], "y", 1) == 1);
	close(closed_later[1]);
	CHECK(next_event(epoll, NULL) == NOTHING);
	struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 11};
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, hung_up[0], &again) == 0);
	CHECK(next_event(epoll, NULL) == 11 && next_event(epoll, NULL) == NOTHING);
	again.data.u64 = 12;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, read_out[0], &again) == 0);
	CHECK(next_event(epoll, NULL) == 12 && next_event(epoll, NULL) == NOTHING);
	again.data.u64 = 13;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, counter, &again) == 0);
	CHECK(next_event(epoll, NULL) == 13 && next_event(epoll, NULL) == NOTHING);
}

/* Watched by several numbers, by such as are other files now, and by instances that tasks share. */
PROGRAM(epoll_numbers)
{
	int epoll = MUST(epoll_create1(0));
	int twice[2], reused[2], shared[2], elsewhere[2];
	MUST(pipe(twice));
	MUST(pipe(reused));
	MUST(pipe(shared));
	MUST(pipe(elsewhere));
	int second = MUST(dup(twice[0]));
	watch(epoll, twice[0], EPOLLIN, 10);
	watch(epoll, second, EPOLLIN | EPOLLET, 11);
	/* Known by a number that is another file by now, and by two that are gone. */
	int moved = MUST(dup(reused[0]));
	watch(epoll, moved, EPOLLIN, 20);
	MUST(dup2(elsewhere[0], moved));
	int gone = MUST(dup(reused[0]));
	watch(epoll, gone, EPOLLIN, 21);
	close(gone);
	watch(epoll, shared[0], EPOLLIN, 30);

	int started[2];
	char byte;
	MUST(pipe(started));
	pid_t child = fork_as(1);
	if (child == 0) {
		/* Its own numbers are of no importance. */
		dup2(epoll, 90);
		close(epoll);
		close(shared[0]);
		dup2(elsewhere[0], twice[0]);
		MUST(write(started[1], "s", 1));
		while (next_event(90, NULL) != 30)
			sleep_ms(5);
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	uint32_t events;
	CHECK(write(twice[1], "t", 1) == 1);
	uint64_t one = next_event(epoll, &events), other = next_event(epoll, NULL);
	CHECK((one == 10 && other == 11) || (one == 11 && other == 10));
	CHECK(next_event(epoll, NULL) == 10);
	CHECK(read(second, &byte, 1) == 1);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, second, NULL) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, twice[0], NULL) == 0);
	CHECK(write(reused[1], "r", 1) == 1);
	one = next_event(epoll, NULL), other = next_event(epoll, NULL);
	CHECK((one == 20 && other == 21) || (one == 21 && other == 20));
	CHECK(read(reused[0], &byte, 1) == 1);
	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(write(elsewhere[1], "e", 1) == 1);
	CHECK(next_event(epoll, NULL) == NOTHING);
	CHECK(write(shared[1], "s", 1) == 1);
	join_child(child);
}

/* Signals that wait, and such as come later; watched by epoll, which belongs to the task that watches. */
PROGRAM(signalfds)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGRTMAX);
	MUST(sigprocmask(SIG_BLOCK, &signals, NULL));
	int fd = MUST(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
	sigset_t others;
	sigemptyset(&others);
	sigaddset(&others, SIGUSR2);
	sigaddset(&others, 64);
	MUST(sigprocmask(SIG_BLOCK, &others, NULL));
	int other = MUST(signalfd(-1, &others, 0));
	int none = MUST(signalfd(-1, &(sigset_t){0}, 0));
	int epoll = MUST(epoll_create1(0));
	watch(epoll, fd, EPOLLIN, 1);
	watch(epoll, other, EPOLLIN, 2);
	MUST(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77}));
	pid_t child = fork_as(1);
	if (child == 0) {
		struct signalfd_siginfo info;
		CHECK(read(other, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2);
		end_child();
	}
	ready_and_wait();

	struct signalfd_siginfo info;
	CHECK(next_event(epoll, NULL) == 1);
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
	CHECK(info.ssi_signo == SIGUSR1 && info.ssi_int == 77);
	CHECK(read(fd, &info, sizeof(info)) == -1 && errno == EAGAIN);
	CHECK(next_event(epoll, NULL) == NOTHING);
	kill(getpid(), SIGUSR2);
	CHECK(next_event(epoll, NULL) == 2);
	CHECK(read(other, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2);
	kill(getpid(), 64);
	struct epoll_event event;
	CHECK(epoll_wait(epoll, &event, 1, 10000) == 1);
	struct pollfd poll_none = {none, POLLIN, 0};
	CHECK(poll(&poll_none, 1, 0) == 0);
	kill(child, SIGUSR2);
	join_child(child);
}

static int make_timer(int clock, int flags, struct itimerspec times, int settime_flags)
{
	int fd = MUST(timerfd_create(clock, flags));
	if (settime_flags & TFD_TIMER_ABSTIME) {
		struct timespec now;
		MUST(clock_gettime(clock, &now));
		times.it_value.tv_sec += now.tv_sec;
	}
	MUST(timerfd_settime(fd, settime_flags, &times, NULL));
	return fd;
}

static double left_of(int fd)
{
	struct itimerspec times;
	MUST(timerfd_gettime(fd, &times));
	return times.it_value.tv_sec + times.it_value.tv_nsec / 1e9;
}

static uint64_t ticks_of(int fd)
{
	uint64_t ticks = 0;
	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? ticks : 0;
}

/* Whether as much is left as was before, but for a minute in which a slow machine dumps and restores. */
static bool has_left(int fd, double seconds)
{
	double left = left_of(fd);
	return left <= seconds && left > seconds - 60;
}

/* Of several clocks, relative and absolute, with intervals, expired and not, never set, and disarmed. */
PROGRAM(timerfds)
{
	struct itimerspec once = {{0, 0}, {3000, 0}}, often = {{500, 250}, {4000, 999999999}};
	int realtime = make_timer(CLOCK_REALTIME, TFD_NONBLOCK, once, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	int monotonic = make_timer(CLOCK_MONOTONIC, TFD_CLOEXEC, often, 0);
	int boottime = make_timer(CLOCK_BOOTTIME, 0, often, TFD_TIMER_ABSTIME);
	int unset = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	int disarmed = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, (struct itimerspec){{7, 0}, {0, 0}}, 0);
	/* Expired, and not read. */
	struct itimerspec soon = {{0, 0}, {0, 1000000}};
	int expired = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, soon, 0);
	int counted = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, (struct itimerspec){{2000, 0}, {0, 1000000}}, 0);
	int read_once = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, soon, 0);
	int epoll = MUST(epoll_create1(0));
	watch(epoll, expired, EPOLLIN, 1);
	/* Not before it has been looked at once more. */
	int later = make_timer(CLOCK_MONOTONIC, 0, (struct itimerspec){{0, 0}, {8, 0}}, 0);
	watch(epoll, later, EPOLLIN | EPOLLET, 2);
	sleep_ms(30);
	MUST(ticks_of(read_once) == 1 ? 0 : -1);
	left_of(counted);
	ready_and_wait();

	CHECK(has_left(realtime, 3000) && has_left(monotonic, 4001) && has_left(boottime, 4001));
	struct itimerspec times;
	CHECK(timerfd_gettime(monotonic, &times) == 0);
	CHECK(times.it_interval.tv_sec == 500 && times.it_interval.tv_nsec == 250);
	CHECK(ticks_of(realtime) == 0 && errno == EAGAIN);
	CHECK(fcntl(monotonic, F_GETFD) == FD_CLOEXEC);
	CHECK(left_of(unset) == 0 && ticks_of(unset) == 0);
	CHECK(left_of(disarmed) == 0 && ticks_of(disarmed) == 0);
	CHECK(next_event(epoll, NULL) == 1);
	CHECK(ticks_of(expired) == 1 && ticks_of(expired) == 0 && left_of(expired) == 0);
	CHECK(ticks_of(read_once) == 0);
	CHECK(ticks_of(counted) == 1 && has_left(counted, 2000));
	struct epoll_event event;
	CHECK(epoll_wait(epoll, &event, 1, 20000) == 1 && event.data.u64 == 2);
	CHECK(ticks_of(later) == 1);
	/* Nothing has changed the clock since. */
	times = (struct itimerspec){{0, 0}, {0, 1000000}};
	CHECK(timerfd_settime(realtime, 0, &times, NULL) == 0);
	sleep_ms(10);
	CHECK(ticks_of(realtime) == 1);
}

/* Expired once or several times and not read since; disarmed after it had been set to an absolute time. */
PROGRAM(overdue_timerfds)
{
	struct itimerspec fast = {{0, 10000000}, {0, 1000000}}, hourly = {{3600, 0}, {0, 1000000}};
	int running = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, fast, 0);
	int several = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, fast, 0);
	int absolute = make_timer(CLOCK_REALTIME, TFD_NONBLOCK, hourly, TFD_TIMER_ABSTIME);
	int disarmed = make_timer(CLOCK_MONOTONIC, TFD_NONBLOCK, (struct itimerspec){{0, 0}, {60, 0}}, TFD_TIMER_ABSTIME);
	MUST(timerfd_settime(disarmed, TFD_TIMER_ABSTIME, &(struct itimerspec){{0, 0}, {0, 0}}, NULL));
	sleep_ms(105);
	/* Looking counts expirations. */
	left_of(several);
	sleep_ms(30);
	ready_and_wait();

	CHECK(ticks_of(running) >= 1);
	CHECK(ticks_of(several) >= 10);
	CHECK(ticks_of(absolute) == 1 && has_left(absolute, 3600));
	sleep_ms(50);
	CHECK(ticks_of(running) >= 2 && ticks_of(several) >= 2);
	CHECK(ticks_of(disarmed) == 0 && left_of(disarmed) == 0);
}
