#include "holder.h"
#include <sys/resource.h>
#include <sys/time.h>

#define SIGNALS 64

/* As the kernel has it; the C library's own hides some flags. */
struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

static long action_of(int signal, const struct kernel_action *set, struct kernel_action *get)
{
	return syscall(SYS_rt_sigaction, signal, set, get, 8);
}

static void block(int how, uint64_t mask)
{
	MUST(syscall(SYS_rt_sigprocmask, how, &mask, NULL, 8));
}

static uint64_t blocked(void)
{
	uint64_t mask;
	MUST(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8));
	return mask;
}

#define BIT(signal) (1ULL << ((signal)-1))

static volatile sig_atomic_t caught;

static void catch(int signal)
{
	caught = signal;
}

/* Actions of all signals, with each of the flags, masks and restorers; SIGTRAP is caught. */
PROGRAM(signal_actions)
{
	static struct kernel_action before[SIGNALS + 1], after;
	const uint64_t flags[] = {SA_SIGINFO, SA_NODEFER, SA_RESETHAND, SA_ONSTACK, SA_RESTART, SA_NOCLDSTOP,
				  SA_NOCLDWAIT, 0x400 /* SA_UNSUPPORTED */, 0x800 /* SA_EXPOSE_TAGBITS */, 0};
	struct sigaction ordinary;
	signal(SIGUSR1, catch);
	action_of(SIGUSR1, NULL, &after);
	for (int i = 1; i <= SIGNALS; i++) {
		if (i == SIGKILL || i == SIGSTOP)
			continue;
		/* That SIGTRAP is ignored, a dump changes. */
		bool is_ignored = i % 5 == 0 && i != SIGTRAP;
		struct kernel_action set = {i % 7 == 0 ? 0 : is_ignored ? 1 : (uintptr_t)catch, flags[i % 10] | 0x04000000,
					    i % 3 == 0 ? 0x1000UL + i : after.restorer, 0x0123456789abcdefULL * i};
		MUST(action_of(i, &set, NULL));
		MUST(action_of(i, NULL, &before[i]));
	}
	ready_and_wait();
	for (int i = 1; i <= SIGNALS; i++) {
		if (i == SIGKILL || i == SIGSTOP)
			continue;
		CHECK(action_of(i, NULL, &after) == 0);
		CHECK(memcmp(&after, &before[i], sizeof(after)) == 0);
	}
	/* They work. */
	ordinary.sa_handler = catch;
	ordinary.sa_flags = SA_RESETHAND;
	sigemptyset(&ordinary.sa_mask);
	sigaction(SIGUSR2, &ordinary, NULL);
	raise(SIGUSR2);
	CHECK(caught == SIGUSR2);
	sigaction(SIGUSR2, NULL, &ordinary);
	CHECK(ordinary.sa_handler == SIG_DFL);
}

/* The handler of breakpoints. */
PROGRAM(breakpoint_signal)
{
	signal(SIGTRAP, catch);
	ready_and_wait();
	asm volatile("int3");
	CHECK(caught == SIGTRAP);
}

static pthread_barrier_t barrier;

static void queue(pid_t thread, int signal, int code, int value)
{
	siginfo_t info = {.si_signo = signal, .si_code = code, .si_errno = value + 1};
	info.si_pid = 1234 + value;
	info.si_uid = 5678 + value;
	info.si_value.sival_int = value;
	if (thread == 0)
		MUST(syscall(SYS_rt_sigqueueinfo, getpid(), signal, &info));
	else
		MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal, &info));
}

static void expect(int signal, int code, int value)
{
	siginfo_t info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	memset(&info, 0, sizeof(info));
	CHECK(syscall(SYS_rt_sigtimedwait, &set, &info, &(struct timespec){0, 0}, 8) == signal);
	CHECK(info.si_code == code && info.si_errno == value + 1);
	CHECK(info.si_pid == 1234 + value && info.si_uid == (uid_t)(5678 + value));
	/* With these codes, programs of 32 bits get no value (`siginfo_layout`, kernel/signal.c). */
	CHECK(info.si_value.sival_int == value || (sizeof(long) == 4 && (code >= 0 || code == SI_SIGIO)));
}

static void expect_none(void)
{
	uint64_t pending;
	CHECK(syscall(SYS_rt_sigpending, &pending, 8) == 0 && pending == 0);
}

#define REAL_TIME 34
static const int codes[] = {SI_USER, SI_KERNEL, SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO, SI_SIGIO, SI_TKILL, -60, 7};
#define CODES (int)(sizeof(codes) / sizeof(codes[0]))

static void *with_signals_of_its_own(void *unused)
{
	block(SIG_SETMASK, ~BIT(SIGUSR2));
	for (int i = 0; i < CODES; i++)
		queue(syscall(SYS_gettid), REAL_TIME + 1, codes[CODES - 1 - i], 100 + i);
	queue(syscall(SYS_gettid), SIGUSR1, SI_TKILL, 7);
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	for (int i = 0; i < CODES; i++)
		expect(REAL_TIME + 1, codes[CODES - 1 - i], 100 + i);
	expect(SIGUSR1, SI_TKILL, 7);
	pthread_barrier_wait(&barrier);
	CHECK(blocked() == (~BIT(SIGUSR2) & ~BIT(SIGKILL) & ~BIT(SIGSTOP)));
	return unused;
}

/* Signals that were queued, for the task and for a thread, in order, and with all that is known of them. */
PROGRAM(pending_signals)
{
	pthread_barrier_init(&barrier, NULL, 2);
	block(SIG_SETMASK, ~BIT(SIGUSR2));
	pthread_t thread = thread_as(1, with_signals_of_its_own, NULL);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < CODES; i++)
		queue(0, REAL_TIME, codes[i], i);
	for (int i = 0; i < 100; i++)
		queue(0, REAL_TIME + 30, SI_QUEUE, i);
	queue(0, SIGHUP, SI_USER, 1);
	queue(0, SIGTERM, SI_QUEUE, 2);
	queue(getpid(), SIGTERM, SI_TKILL, 3);
	/* These stay pending although their action is to ignore them. */
	queue(0, SIGCHLD, CLD_EXITED, 4);
	queue(0, SIGURG, SI_KERNEL, 5);
	ready_and_wait();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < CODES; i++)
		expect(REAL_TIME, codes[i], i);
	for (int i = 0; i < 100; i++)
		expect(REAL_TIME + 30, SI_QUEUE, i);
	expect(SIGHUP, SI_USER, 1);
	expect(SIGTERM, SI_TKILL, 3);
	expect(SIGTERM, SI_QUEUE, 2);
	expect(SIGCHLD, CLD_EXITED, 4);
	expect(SIGURG, SI_KERNEL, 5);
	expect_none();
	CHECK(pthread_join(thread, NULL) == 0);
}

/* Signals that the kernel has made, each blocked: a child's end, a timer, an alarm, a broken pipe. */
PROGRAM(signals_of_kernel)
{
	block(SIG_SETMASK, ~0ULL);
	signal(SIGCHLD, catch);
	pid_t child = fork_as(1);
	if (child == 0)
		_exit(7);
	siginfo_t info;
	MUST(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 1000}}, NULL);
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = REAL_TIME, .sigev_value.sival_int = 77};
	timer_t timer;
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, 1000000}}, NULL);
	int ends[2];
	MUST(pipe(ends));
	close(ends[0]);
	if (write(ends[1], "x", 1) != -1)
		MUST(-1);
	sleep_ms(20);
	ready_and_wait();

	sigset_t set;
	sigemptyset(&set);
	const int signals[] = {SIGCHLD, SIGALRM, REAL_TIME, SIGPIPE};
	for (int i = 0; i < 4; i++) {
		sigaddset(&set, signals[i]);
		CHECK(sigtimedwait(&set, &info, &(struct timespec){0, 0}) == signals[i]);
		if (i == 0)
			CHECK(info.si_code == CLD_EXITED && info.si_pid == child && info.si_status == 7);
		if (i == 1)
			CHECK(info.si_code == SI_KERNEL);
		if (i == 2)
			CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 77);
		if (i == 3)
			CHECK(info.si_code == SI_USER && info.si_pid == getpid());
	}
	expect_none();
	int status;
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

/* More signals than RLIMIT_SIGPENDING allows by now. */
PROGRAM(too_many_signals)
{
	block(SIG_BLOCK, BIT(REAL_TIME) | BIT(SIGUSR1));
	for (int i = 0; i < 20; i++)
		queue(0, REAL_TIME, SI_QUEUE, i);
	queue(0, SIGUSR1, SI_QUEUE, 1);
	MUST(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){2, 2}));
	ready_and_wait();
	siginfo_t info = {.si_code = SI_QUEUE};
	CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), REAL_TIME, &info) == -1 && errno == EAGAIN);
	for (int i = 0; i < 20; i++)
		expect(REAL_TIME, SI_QUEUE, i);
	expect(SIGUSR1, SI_QUEUE, 1);
	expect_none();
}

static volatile int received;

static void count_and_say(int signal)
{
	(void)signal;
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", ++received);
	int fd = open(path_of("received"), O_WRONLY | O_CREAT, 0644);
	if (fd >= 0 && write(fd, text, length) == length)
		close(fd);
}

/* Tells how many signals it gets. */
PROGRAM(counting)
{
	signal(REAL_TIME + 6, count_and_say);
	ready_and_wait();
}
