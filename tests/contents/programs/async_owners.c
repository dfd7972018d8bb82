#include "holder.h"
#include <sys/eventfd.h>

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

/* What arrived last: in memory that children have as well. */
static struct {
	volatile int count, signal, fd;
	volatile pid_t pid;
	volatile pid_t tid;
} *seen;

static void take_down(int signal, siginfo_t *info, void *context)
{
	(void)context;
	seen->signal = signal;
	seen->fd = info->si_fd;
	seen->pid = getpid();
	seen->tid = gettid();
	/* Last: another task reads the others when this has changed. */
	seen->count++;
}

static void expect_signals(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sigaction action = {.sa_sigaction = take_down, .sa_flags = SA_SIGINFO | SA_RESTART};
	MUST(sigaction(SIGIO, &action, NULL));
	MUST(sigaction(SIGRTMIN + 3, &action, NULL));
}

static void own(int fd, enum __pid_type type, pid_t pid, int signal)
{
	struct f_owner_ex owner = {type, pid};
	MUST(fcntl(fd, F_SETOWN_EX, &owner));
	if (signal != 0)
		MUST(fcntl(fd, F_SETSIG, signal));
	MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
}

static bool is_owner(int fd, enum __pid_type type, pid_t pid)
{
	struct f_owner_ex owner = {0, -1};
	return fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == type && owner.pid == pid;
}

static bool has_uids(int fd, uid_t uid, uid_t effective_uid)
{
	uid_t uids[2] = {-1, -1};
	return fcntl(fd, F_GETOWNER_UIDS, uids) == 0 && uids[0] == uid && uids[1] == effective_uid;
}

/* Writes to a pipe, and tells whether that is signalled before so many milliseconds have passed. */
static bool signals_within(long milliseconds, int writer)
{
	int before = seen->count;
	if (write(writer, "x", 1) != 1)
		return false;
	for (long i = 0; i < milliseconds && seen->count == before; i++)
		sleep_ms(1);
	return seen->count > before;
}

/* The same with the signal, and who gets it: a busy machine may take its time. */
static bool signals(int writer, int signal, pid_t pid)
{
	return signals_within(10000, writer) && seen->signal == signal && seen->pid == pid;
}

static void *wait_for_end(void *has_ended)
{
	while (!*(volatile bool *)has_ended)
		sleep_ms(5);
	return NULL;
}

/* Owned by the task, a child, a group, and somebody else; by a plain signal, one of real time, and for nothing. */
PROGRAM(async_owners)
{
	expect_signals();
	int task[2], other[2], group[2], quiet[2], copied[2];
	MUST(pipe(task));
	MUST(pipe2(other, O_NONBLOCK));
	MUST(pipe(group));
	MUST(pipe(quiet));
	MUST(pipe(copied));
	pid_t child = fork_as(1);
	if (child == 0) {
		setpgid(0, 0);
		while (seen->count < 4)
			sleep_ms(2);
		end_child();
	}
	MUST(setpgid(child, child) == 0 || errno == EACCES ? 0 : -1);
	own(task[0], F_OWNER_PID, getpid(), 0);
	own(other[0], F_OWNER_PID, child, SIGIO);
	own(group[0], F_OWNER_PGRP, child, 0);
	/* No signals are asked for. */
	MUST(fcntl(quiet[0], F_SETOWN, getpid()));
	MUST(fcntl(quiet[1], F_SETSIG, SIGRTMIN + 3));
	/* Signalled by another number than the lowest one of the file. */
	int copy = MUST(fcntl(copied[0], F_DUPFD, 40));
	own(copy, F_OWNER_PID, getpid(), SIGRTMIN + 3);
	/* Files that never signal. */
	int file = MUST(open(path_of("file"), O_RDWR | O_CREAT | O_APPEND | O_ASYNC, 0600));
	own(file, F_OWNER_PID, getpid(), SIGRTMIN + 3);
	int counter = MUST(eventfd(0, 0));
	MUST(fcntl(counter, F_SETOWN, 1));
	ready_and_wait();

	CHECK(is_owner(task[0], F_OWNER_PID, getpid()) && fcntl(task[0], F_GETSIG) == 0);
	CHECK(is_owner(task[1], F_OWNER_TID, 0) || is_owner(task[1], F_OWNER_PID, 0));
	CHECK(signals(task[1], SIGIO, getpid()));
	CHECK(is_owner(other[0], F_OWNER_PID, child));
	CHECK((fcntl(other[0], F_GETFL) & (O_ASYNC | O_NONBLOCK)) == (O_ASYNC | O_NONBLOCK));
	CHECK(signals(other[1], SIGIO, child) && seen->fd == other[0]);
	CHECK(is_owner(quiet[0], F_OWNER_PID, getpid()) && fcntl(quiet[1], F_GETSIG) == SIGRTMIN + 3);
	int before = seen->count;
	CHECK(write(quiet[1], "x", 1) == 1);
	sleep_ms(20);
	CHECK(seen->count == before);
	CHECK(signals(copied[1], SIGRTMIN + 3, getpid()));
	CHECK(seen->fd == copied[0] || seen->fd == copy);
	CHECK(is_owner(group[0], F_OWNER_PGRP, child));
	CHECK(signals(group[1], SIGIO, child));
	CHECK(is_owner(file, F_OWNER_PID, getpid()) && fcntl(file, F_GETSIG) == SIGRTMIN + 3);
	CHECK((fcntl(file, F_GETFL) & (O_ASYNC | O_APPEND)) == (O_ASYNC | O_APPEND));
	CHECK(is_owner(counter, F_OWNER_PID, 1));
	CHECK(has_uids(task[0], 0, 0));
	join_child(child);
}

/* Owned by a thread, which alone is signalled. */
PROGRAM(async_threads)
{
	expect_signals();
	int thread[2];
	MUST(pipe(thread));
	bool has_ended = false;
	pthread_t id = thread_as(1, wait_for_end, &has_ended);
	pid_t tid = getpid() + 1;
	own(thread[0], F_OWNER_TID, tid, SIGRTMIN + 3);
	ready_and_wait();

	CHECK(is_owner(thread[0], F_OWNER_TID, tid) && fcntl(thread[0], F_GETSIG) == SIGRTMIN + 3);
	CHECK(signals(thread[1], SIGRTMIN + 3, getpid()) && seen->tid == tid && seen->fd == thread[0]);
	has_ended = true;
	pthread_join(id, NULL);
}

/* Set by other users, whose signals this task may get or not. */
PROGRAM(async_uids)
{
	expect_signals();
	int effective[2], real[2], stranger[2];
	MUST(pipe(effective));
	MUST(pipe(real));
	MUST(pipe(stranger));
	MUST(setresuid(-1, 4321, -1));
	own(effective[0], F_OWNER_PID, getpid(), 0);
	MUST(setresuid(-1, 0, -1));
	MUST(setresuid(1234, 0, -1));
	own(real[0], F_OWNER_PID, getpid(), 0);
	MUST(setresuid(1234, 4321, -1));
	own(stranger[0], F_OWNER_PID, getpid(), 0);
	MUST(setresuid(-1, 0, -1));
	MUST(setresuid(0, 0, 0));
	ready_and_wait();

	CHECK(has_uids(effective[0], 0, 4321) && has_uids(real[0], 1234, 0) && has_uids(stranger[0], 1234, 4321));
	CHECK(signals(effective[1], SIGIO, getpid()));
	CHECK(signals(real[1], SIGIO, getpid()));
	CHECK(!signals_within(200, stranger[1]));
	CHECK(is_owner(stranger[0], F_OWNER_PID, getpid()));
}

/* The one who is signalled has ended: nobody is left, the signal stays. */
PROGRAM(async_orphans)
{
	expect_signals();
	int orphan[2];
	MUST(pipe(orphan));
	pid_t child = fork_as(1);
	if (child == 0)
		_exit(0);
	own(orphan[0], F_OWNER_PID, child, SIGRTMIN + 3);
	MUST(waitpid(child, NULL, 0));
	ready_and_wait();

	struct f_owner_ex owner;
	CHECK(fcntl(orphan[0], F_GETOWN_EX, &owner) == 0 && owner.pid == 0);
	CHECK(fcntl(orphan[0], F_GETSIG) == SIGRTMIN + 3);
	CHECK(write(orphan[1], "x", 1) == 1 && seen->count == 0);
	CHECK(fcntl(orphan[0], F_SETOWN, getpid()) == 0);
	CHECK(signals(orphan[1], SIGRTMIN + 3, getpid()));
}
