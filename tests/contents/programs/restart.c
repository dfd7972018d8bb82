#include "holder.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/select.h>

/*
 * Children that are dumped while they wait in a system call. A call that the kernel restarts goes on; the others, of
 * which the kernel remembers more than registers can say, may end with EINTR.
 */

/* Each child waits for a byte that comes through a pipe, or for a signal. */
static int in, out;
static volatile sig_atomic_t caught;

static void catch(int signal)
{
	caught = signal;
}

static void wait_by_read(void)
{
	char byte;
	CHECK(read(in, &byte, 1) == 1);
}

static void wait_by_nanosleep(void)
{
	struct timespec before, after, left = {2, 0};
	clock_gettime(CLOCK_MONOTONIC, &before);
	while (nanosleep(&left, &left) == -1)
		CHECK(errno == EINTR);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec - before.tv_sec > 2 || (after.tv_sec - before.tv_sec == 2 && after.tv_nsec >= before.tv_nsec));
}

static void wait_by_absolute_sleep(void)
{
	struct timespec end, after;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 2;
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec >= end.tv_sec);
}

static void poll_until(int timeout)
{
	struct pollfd entry = {in, POLLIN, 0};
	int result;
	while ((result = poll(&entry, 1, timeout)) == -1)
		CHECK(errno == EINTR);
	CHECK(result == 1);
	wait_by_read();
}

static void wait_by_poll(void)
{
	poll_until(-1);
}

static void wait_by_poll_with_timeout(void)
{
	poll_until(60000);
}

static void select_until(struct timeval *timeout)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(in, &set);
	CHECK(select(in + 1, &set, NULL, NULL, timeout) == 1);
	wait_by_read();
}

static void wait_by_select(void)
{
	select_until(NULL);
}

static void wait_by_select_with_timeout(void)
{
	select_until(&(struct timeval){60, 0});
}

static void wait_by_futex(void)
{
	static uint32_t word = 1;
	struct timespec timeout = {2, 0};
	long result;
	while ((result = syscall(SYS_futex, &word, FUTEX_WAIT, 1, &timeout, NULL, 0)) == -1 && errno == EINTR)
		;
	CHECK(result == -1 && errno == ETIMEDOUT);
}

static void wait_by_full_pipe(void)
{
	static char filling[1 << 16];
	int full[2];
	CHECK(pipe(full) == 0);
	CHECK(write(full[1], filling, sizeof(filling)) == sizeof(filling));
	if (fork_as(30) == 0) {
		wait_by_read();
		CHECK(read(full[0], filling, sizeof(filling)) == sizeof(filling));
		_exit(0);
	}
	CHECK(write(full[1], filling, 10) == 10);
	CHECK(wait(NULL) > 0);
}

static void wait_by_wait4(void)
{
	pid_t child = fork_as(31);
	if (child == 0) {
		wait_by_read();
		_exit(7);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

/* What waits for a signal has it blocked otherwise. */
static sigset_t none;

static void check_mask(void)
{
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
}

static void wait_by_pause(void)
{
	sigset_t previous;
	/* Between the two, the signal must not come: the program is not ready yet. */
	sigprocmask(SIG_SETMASK, &none, &previous);
	CHECK(pause() == -1 && errno == EINTR && caught == SIGUSR1);
	sigprocmask(SIG_SETMASK, &previous, NULL);
}

static void wait_by_sigsuspend(void)
{
	CHECK(sigsuspend(&none) == -1 && errno == EINTR && caught == SIGUSR1);
	check_mask();
}

static void wait_by_ppoll(void)
{
	struct timespec timeout = {60, 0};
	CHECK(ppoll(NULL, 0, &timeout, &none) == -1 && errno == EINTR && caught == SIGUSR1);
	check_mask();
}

static void wait_by_pselect(void)
{
	CHECK(pselect(0, NULL, NULL, NULL, NULL, &none) == -1 && errno == EINTR && caught == SIGUSR1);
	check_mask();
}

static void wait_by_sigwait(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	siginfo_t info;
	int signal;
	while ((signal = sigwaitinfo(&set, &info)) == -1)
		CHECK(errno == EINTR);
	CHECK(signal == SIGUSR1 && info.si_code == SI_USER && info.si_pid == getppid());
}

static void wait_in_handler(int signal)
{
	wait_by_read();
	stack_t stack;
	CHECK(sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK));
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, signal) && sigismember(&now, SIGALRM));
	caught = signal;
}

/* The call in the handler goes on, and then the one that the handler interrupted. */
static void wait_by_handler(void)
{
	int inner[2];
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	CHECK(pipe(inner) == 0 && sigaltstack(&stack, NULL) == 0);
	struct sigaction action = {.sa_handler = wait_in_handler, .sa_flags = SA_RESTART | SA_ONSTACK};
	sigaddset(&action.sa_mask, SIGALRM);
	sigaction(SIGUSR2, &action, NULL);
	double number = 1.0 / 3;
	asm volatile("" : "+x"(number));
	raise(SIGUSR2);
	asm volatile("" : "+x"(number));
	CHECK(number == 1.0 / 3 && caught == SIGUSR2);
	sigset_t now;
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && !sigismember(&now, SIGUSR2) && !sigismember(&now, SIGALRM));
	CHECK(sigaltstack(NULL, &stack) == 0 && !(stack.ss_flags & SS_ONSTACK) && stack.ss_size == 65536);
}

static pthread_mutex_t *inheriting_mutex(void)
{
	pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(shared, &attributes);
	return shared;
}

static pthread_mutex_t *inheriting;

/* The mutex belongs to the root task. */
static void wait_by_inheriting_mutex(void)
{
	CHECK(pthread_mutex_lock(inheriting) == 0);
	CHECK(pthread_mutex_unlock(inheriting) == 0);
}

static const struct {
	void (*body)(void);
	enum { BYTE, SIGNAL, TIME } end;
} waits[] = {
	{wait_by_read, BYTE},
	{wait_by_nanosleep, TIME},
	{wait_by_absolute_sleep, TIME},
	{wait_by_poll, BYTE},
	{wait_by_poll_with_timeout, BYTE},
	{wait_by_select, BYTE},
	{wait_by_select_with_timeout, BYTE},
	{wait_by_futex, TIME},
	{wait_by_full_pipe, BYTE},
	{wait_by_wait4, BYTE},
	{wait_by_pause, SIGNAL},
	{wait_by_sigsuspend, SIGNAL},
	{wait_by_ppoll, SIGNAL},
	{wait_by_pselect, SIGNAL},
	{wait_by_sigwait, SIGNAL},
	{wait_by_handler, BYTE},
	{wait_by_inheriting_mutex, TIME},
};
#define WAITS (int)(sizeof(waits) / sizeof(waits[0]))

static pid_t start(int number)
{
	int ends[2];
	MUST(pipe(ends));
	in = ends[0];
	pid_t child = fork_as(1 + number);
	if (child == 0) {
		close(ends[1]);
		close(out);
		waits[number].body();
		/* What has waited for a time may be looked at afterwards. */
		while (!may_go())
			sleep_ms(5);
		end_child();
	}
	close(ends[0]);
	out = ends[1];
	return child;
}

PROGRAM(restart)
{
	sigset_t user;
	sigemptyset(&user);
	sigaddset(&user, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &user, NULL));
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = catch}, NULL);
	inheriting = inheriting_mutex();
	pthread_mutex_lock(inheriting);
	pid_t children[WAITS];
	int outs[WAITS];
	for (int i = 0; i < WAITS; i++) {
		children[i] = start(i);
		outs[i] = out;
	}
	sleep_ms(50);
	ready_and_wait();

	CHECK(pthread_mutex_unlock(inheriting) == 0);
	for (int i = 0; i < WAITS; i++) {
		if (waits[i].end == SIGNAL)
			CHECK(kill(children[i], SIGUSR1) == 0);
		else if (waits[i].end == BYTE)
			CHECK(write(outs[i], "x", 1) == 1);
	}
	for (int i = 0; i < WAITS; i++)
		join_child(children[i]);
}

/* A child without handlers for signals, for which nothing but a byte ends a poll(2). */
PROGRAM(poll_again)
{
	int ends[2];
	MUST(pipe(ends));
	pid_t child = fork_as(1);
	if (child == 0) {
		struct pollfd entry = {ends[0], POLLIN, 0};
		CHECK(poll(&entry, 1, -1) == 1);
		end_child();
	}
	sleep_ms(100);
	ready_and_wait();
	sleep_ms(100);
	CHECK(write(ends[1], "x", 1) == 1);
	join_child(child);
}
