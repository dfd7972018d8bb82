#include "holder.h"
#include <sys/time.h>

/* The C library hides the ids of timers, and makes them in its own way. */
static int create(int clock, int notify, int signal, uint64_t value, pid_t thread)
{
	struct sigevent event = {.sigev_notify = notify, .sigev_signo = signal};
	event.sigev_value.sival_ptr = (void *)(uintptr_t)value;
	event._sigev_un._tid = thread;
	int id = -1;
	MUST(syscall(SYS_timer_create, clock, &event, &id));
	return id;
}

static void set(int id, int flags, double left, double interval)
{
	struct itimerspec time = {{interval, (interval - (long)interval) * 1e9}, {left, (left - (long)left) * 1e9}};
	MUST(syscall(SYS_timer_settime, id, flags, &time, NULL));
}

static struct itimerspec get(int id)
{
	struct itimerspec time = {{-1, -1}, {-1, -1}};
	CHECK(syscall(SYS_timer_gettime, id, &time) == 0);
	return time;
}

static double seconds(struct timespec time)
{
	return time.tv_sec + time.tv_nsec / 1e9;
}

static volatile sig_atomic_t counts[65];
static volatile siginfo_t last[65];

static void count(int signal, siginfo_t *info, void *context)
{
	(void)context;
	counts[signal]++;
	last[signal] = *info;
}

static void handle(int signal)
{
	sigaction(signal, &(struct sigaction){.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL);
}

/* Waits until a signal has come so often since now. */
static void wait_for(int signal, int times)
{
	int wanted = counts[signal] + times;
	for (int i = 0; i < 2000 && counts[signal] < wanted; i++)
		sleep_ms(5);
	CHECK(counts[signal] >= wanted);
}

static double left_of(int which)
{
	struct itimerval value;
	CHECK(getitimer(which, &value) == 0);
	return value.it_value.tv_sec + value.it_value.tv_usec / 1e6;
}

/* Uses the processor, and the kernel hardly. */
static void burn(double time)
{
	struct timespec from, now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	do {
		for (int i = 0; i < 1000000; i++)
			asm volatile("");
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (seconds(now) - seconds(from) < time);
}

/* The three interval timers. */
PROGRAM(interval_timers)
{
	handle(SIGALRM);
	handle(SIGVTALRM);
	handle(SIGPROF);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 20000}, {0, 20000}}, NULL);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
	setitimer(ITIMER_PROF, &(struct itimerval){{7, 1}, {5000, 0}}, NULL);
	ready_and_wait();
	double left = left_of(ITIMER_PROF);
	CHECK(left > 4990 && left < 5001);
	wait_for(SIGALRM, 3);
	while (counts[SIGVTALRM] < 4)
		burn(0.05);
	CHECK(counts[SIGPROF] == 0);
	struct itimerval value;
	CHECK(getitimer(ITIMER_PROF, &value) == 0 && value.it_interval.tv_sec == 7 && value.it_interval.tv_usec == 1);
	CHECK(getitimer(ITIMER_VIRTUAL, &value) == 0 && value.it_interval.tv_usec == 10000);
}

static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID};
#define CLOCKS (int)(sizeof(clocks) / sizeof(clocks[0]))

static pid_t other_thread;
static bool may_end;

static void *wait_for_end(void *unused)
{
	other_thread = syscall(SYS_gettid);
	while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
		sleep_ms(5);
	return unused;
}

/* Timers of every clock and way to tell, some of them deleted since: each keeps its id, its interval and what is left. */
PROGRAM(posix_timers)
{
	const int signal = SIGRTMIN + 3;
	handle(signal);
	handle(SIGRTMIN + 4);
	handle(SIGRTMIN + 5);
	pthread_t thread = thread_as(1, wait_for_end, NULL);
	while (__atomic_load_n((volatile pid_t *)&other_thread, __ATOMIC_ACQUIRE) == 0)
		sleep_ms(1);
	int far[CLOCKS], deleted[40];
	for (int i = 0; i < CLOCKS; i++) {
		far[i] = create(clocks[i], SIGEV_SIGNAL, signal, 0x100000000 + i, 0);
		set(far[i], 0, 1000 + i, 50 + i);
	}
	for (int i = 0; i < 40; i++)
		deleted[i] = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0);
	int absolute = create(CLOCK_REALTIME, SIGEV_SIGNAL, signal, 5, 0);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	set(absolute, TIMER_ABSTIME, now.tv_sec + 2000, 0);
	int silent = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 6, 0);
	set(silent, 0, 3000, 3000);
	int disarmed = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, signal, 7, 0);
	int fast = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 8, 0);
	set(fast, 0, 0.02, 0.02);
	int of_thread = create(CLOCK_MONOTONIC, SIGEV_SIGNAL | SIGEV_THREAD_ID, SIGRTMIN + 5, 9, other_thread);
	set(of_thread, 0, 0.02, 0.02);
	int of_cpu = create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, signal, 10, 0);
	set(of_cpu, 0, 4000, 0);
	for (int i = 0; i < 40; i++)
		if (i != 17)
			MUST(syscall(SYS_timer_delete, deleted[i]));
	ready_and_wait();

	for (int i = 0; i < CLOCKS; i++) {
		struct itimerspec time = get(far[i]);
		CHECK(time.it_interval.tv_sec == 50 + i && time.it_interval.tv_nsec == 0);
		CHECK(seconds(time.it_value) > 900 + i && seconds(time.it_value) <= 1000 + i);
	}
	CHECK(seconds(get(absolute).it_value) > 1900 && seconds(get(absolute).it_value) <= 2000);
	CHECK(seconds(get(silent).it_value) > 2900 && get(silent).it_interval.tv_sec == 3000);
	CHECK(seconds(get(disarmed).it_value) == 0 && seconds(get(deleted[17]).it_value) == 0);
	CHECK(seconds(get(of_cpu).it_value) > 3900 && seconds(get(of_cpu).it_value) <= 4000);
	wait_for(SIGRTMIN + 4, 3);
	wait_for(SIGRTMIN + 5, 3);
	CHECK(counts[signal] == 0);
	set(far[1], 0, 0.01, 0);
	wait_for(signal, 1);
	CHECK(counts[signal] == 1 && last[signal].si_code == SI_TIMER && last[signal].si_timerid == far[1]);
	CHECK((uintptr_t)last[signal].si_value.sival_ptr == (uintptr_t)0x100000001);
	/* New ones do not meet the old ones. */
	int fresh = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0);
	CHECK(fresh > of_cpu || fresh < deleted[39]);
	__atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* A timer that has run out often while its signal was blocked: the first time is told, the others are counted. */
PROGRAM(overrun)
{
	const int signal = SIGRTMIN + 3;
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, signal);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	int once = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, signal, 1, 0);
	set(once, 0, 0.001, 0);
	sleep_ms(5);
	int often = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, signal, 2, 0);
	set(often, 0, 0.01, 0.01);
	sleep_ms(50);
	ready_and_wait();
	siginfo_t info;
	struct timespec none = {0, 0};
	CHECK(sigtimedwait(&mask, &info, &none) == signal && info.si_value.sival_int == 1 && info.si_timerid == once);
	CHECK(sigtimedwait(&mask, &info, &none) == signal && info.si_value.sival_int == 2 && info.si_timerid == often);
	/* It goes on. */
	CHECK(sigtimedwait(&mask, &info, &(struct timespec){5, 0}) == signal && info.si_value.sival_int == 2);
	CHECK(get(often).it_interval.tv_nsec == 10000000 && seconds(get(once).it_value) == 0);
}

/* A clock of the processor's time: the dump does not tell its timer from one that runs. */
PROGRAM(unarmed_cpu_timer)
{
	handle(SIGRTMIN + 3);
	int id = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 3, 1, 0);
	set(id, 0, 0, 0.01);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 10000}, {0, 0}}, NULL);
	handle(SIGVTALRM);
	ready_and_wait();
	burn(0.1);
	CHECK(counts[SIGRTMIN + 3] == 0 && counts[SIGVTALRM] == 0);
}
