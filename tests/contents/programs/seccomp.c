#include "holder.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Installs a filter that answers `calls` with an action, and allows the others. */
static long install(const int *calls, size_t count, uint32_t action, unsigned flags)
{
	struct sock_filter program[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	size_t at = 1;
	for (size_t i = 0; i < count; i++) {
		program[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog whole = {at, program};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole);
}

static long answer(int call, int error, unsigned flags)
{
	return install(&call, 1, SECCOMP_RET_ERRNO | error, flags);
}

static int error_of(int call)
{
	errno = 0;
	syscall(call, -1, -1, -1, -1, -1, -1);
	return errno;
}

/* All that a restore does in a task, and a program need not do. */
static const int forbidden[] = {
	SYS_mmap,	   SYS_munmap,	    SYS_mprotect,   SYS_prctl,	       SYS_capset,	   SYS_setresuid,
	SYS_setresgid,	   SYS_setgroups,   SYS_prlimit64,  SYS_pidfd_getfd,   SYS_dup3,	   SYS_close_range,
	SYS_rt_sigaction,  SYS_timer_create, SYS_setitimer, SYS_rt_sigqueueinfo, SYS_set_robust_list, SYS_set_tid_address,
	SYS_preadv,	   SYS_sigaltstack, SYS_personality, SYS_sched_setscheduler, SYS_fchdir, SYS_umask,
	SYS_rt_sigprocmask,
};

static void install_chain(int error)
{
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(answer(SYS_getppid, 11, 0));
	MUST(answer(SYS_getppid, 22, SECCOMP_FILTER_FLAG_LOG));
	MUST(answer(SYS_getpgid, error, 0));
	MUST(install(forbidden, COUNT(forbidden), SECCOMP_RET_KILL_PROCESS, 0));
}

/* Filters one upon the other, of which the newest decides; in a task without new privileges, and its child. */
PROGRAM(seccomp_chain)
{
	pid_t child = fork_as(1);
	if (child == 0) {
		install_chain(44);
		while (!may_go())
			sleep_ms(5);
		CHECK(error_of(SYS_getppid) == 22 && error_of(SYS_getpgid) == 44);
		syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
		CHECK(false);
	}
	install_chain(33);
	sleep_ms(20);
	ready_and_wait();
	CHECK(error_of(SYS_getppid) == 22 && error_of(SYS_getpgid) == 33);
	int status;
	CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGSYS);
}

/* A task that can but read, write and exit. */
PROGRAM(seccomp_strict)
{
	int ends[2];
	MUST(pipe(ends));
	pid_t child = fork_as(1);
	if (child == 0) {
		char byte;
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		CHECK(read(ends[0], &byte, 1) == 1 && byte == 's');
		syscall(SYS_exit, 0);
	}
	pid_t other = fork_as(2);
	if (other == 0) {
		char byte;
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		CHECK(read(ends[0], &byte, 1) == 1);
		syscall(SYS_getpid);
	}
	sleep_ms(20);
	ready_and_wait();
	CHECK(write(ends[1], "ss", 2) == 2);
	join_child(child);
	int status;
	CHECK(waitpid(other, &status, 0) == other && WTERMSIG(status) == SIGKILL);
}

static pthread_barrier_t barrier;

static void *with_filter(void *number)
{
	MUST(answer(SYS_getppid, (intptr_t)number, 0));
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	CHECK(error_of(SYS_getppid) == (intptr_t)number);
	return NULL;
}

static void *without_filter(void *unused)
{
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	CHECK(error_of(SYS_getppid) == 0);
	return unused;
}

/* Threads with filters of their own, and one with none. */
PROGRAM(seccomp_of_threads)
{
	pthread_barrier_init(&barrier, NULL, 4);
	pthread_t threads[] = {
		thread_as(1, with_filter, (void *)10),
		thread_as(2, with_filter, (void *)20),
		thread_as(3, without_filter, NULL),
	};
	pthread_barrier_wait(&barrier);
	MUST(answer(SYS_getppid, 30, 0));
	ready_and_wait();
	CHECK(error_of(SYS_getppid) == 30);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static void *with_filter_of_all(void *unused)
{
	while (!may_go())
		sleep_ms(5);
	CHECK(error_of(SYS_getppid) == 22);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK(error_of(SYS_getpgid) == 33);
	return unused;
}

/* Threads that have their filters in common, which forbid most; further ones can be installed for all of them. */
PROGRAM(seccomp_synchronized)
{
	pthread_barrier_init(&barrier, NULL, 3);
	pthread_t threads[] = {thread_as(1, with_filter_of_all, NULL), thread_as(2, with_filter_of_all, NULL)};
	/* What the library needs to end threads is not forbidden. */
	static const int some[] = {SYS_capset, SYS_setresuid, SYS_setgroups, SYS_prctl, SYS_prlimit64, SYS_sched_setscheduler,
				   SYS_set_tid_address, SYS_sigaltstack, SYS_timer_create};
	MUST(answer(SYS_getppid, 22, 0));
	MUST(answer(SYS_gettid, 44, SECCOMP_FILTER_FLAG_TSYNC));
	MUST(install(some, COUNT(some), SECCOMP_RET_KILL_PROCESS, SECCOMP_FILTER_FLAG_TSYNC));
	ready_and_wait();
	CHECK(error_of(SYS_getppid) == 22);
	pthread_barrier_wait(&barrier);
	CHECK(answer(SYS_getpgid, 33, SECCOMP_FILTER_FLAG_TSYNC) == 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

/* A filter that leaves an answer to another process. */
PROGRAM(seccomp_notify)
{
	int call = SYS_getppid;
	int listener = MUST(install(&call, 1, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
	close(listener);
	ready_and_wait();
}
