#include "holder.h"
#include <poll.h>
#include <semaphore.h>

static __thread uint64_t own[8];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool is_open;
static sem_t semaphore;
static int channel[2];
static bool may_end;

static void fill_own(uint64_t number)
{
	for (int i = 0; i < 8; i++)
		own[i] = number << 32 | i;
}

static void check_own(uint64_t number)
{
	for (int i = 0; i < 8; i++)
		CHECK(own[i] == (number << 32 | i));
}

static void *wait_for_condition(void *unused)
{
	fill_own(1);
	pthread_setname_np(pthread_self(), "of condition");
	pthread_mutex_lock(&mutex);
	while (!is_open)
		pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	check_own(1);
	return unused;
}

static void *wait_for_semaphore(void *unused)
{
	fill_own(2);
	pthread_setname_np(pthread_self(), "of )semaphore (");
	while (sem_wait(&semaphore) == -1)
		CHECK(errno == EINTR);
	check_own(2);
	return unused;
}

static void *wait_for_pipe(void *unused)
{
	fill_own(3);
	char byte;
	CHECK(read(channel[0], &byte, 1) == 1 && byte == 'p');
	check_own(3);
	return unused;
}

static void *wait_in_poll(void *unused)
{
	fill_own(4);
	struct pollfd entry = {channel[0], POLLIN | POLLHUP, 0};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 4);
	MUST(pthread_sigmask(SIG_BLOCK, &set, NULL));
	stack_t stack = {.ss_sp = malloc(SIGSTKSZ), .ss_size = SIGSTKSZ}, now;
	MUST(sigaltstack(&stack, NULL));
	while (!(entry.revents & POLLHUP) && poll(&entry, 1, -1) != -1)
		;
	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack.ss_sp && now.ss_size == stack.ss_size);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGRTMIN + 4));
	CHECK(sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2));
	check_own(4);
	return unused;
}

static void *sleep_over_and_over(void *unused)
{
	fill_own(5);
	while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
		sleep_ms(7);
	check_own(5);
	return unused;
}

static void *spin(void *unused)
{
	fill_own(6);
	while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
		check_own(6);
	return unused;
}

/* Six threads that wait for this and that, with memory, name, mask and signal stack of their own; each can be joined. */
PROGRAM(threads)
{
	MUST(sem_init(&semaphore, 0, 0));
	MUST(pipe(channel));
	void *(*const bodies[])(void *) = {wait_for_condition, wait_for_semaphore, wait_for_pipe,
					   wait_in_poll,       sleep_over_and_over, spin};
	pthread_t started[6];
	for (int i = 0; i < 6; i++)
		started[i] = thread_as(1 + i, bodies[i], NULL);
	fill_own(7);
	ready_and_wait();

	pthread_mutex_lock(&mutex);
	is_open = true;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	sem_post(&semaphore);
	CHECK(write(channel[1], "p", 1) == 1);
	CHECK(pthread_join(started[2], NULL) == 0);
	close(channel[1]);
	__atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 6; i++)
		if (i != 2)
			CHECK(pthread_join(started[i], NULL) == 0);
	check_own(7);
	pthread_t another;
	CHECK(pthread_create(&another, NULL, sleep_over_and_over, NULL) == 0 && pthread_join(another, NULL) == 0);
}

enum { CROWD = 60 };

static void *wait_in_crowd(void *number)
{
	fill_own((uintptr_t)number);
	pthread_mutex_lock(&mutex);
	while (!is_open)
		pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	check_own((uintptr_t)number);
	return number;
}

/* So many that the kernel tells of their stacks in more than one piece. */
PROGRAM(thread_crowd)
{
	pthread_t started[CROWD];
	for (uintptr_t i = 0; i < CROWD; i++)
		started[i] = thread_as(1 + i, wait_in_crowd, (void *)i);
	ready_and_wait();
	pthread_mutex_lock(&mutex);
	is_open = true;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	for (uintptr_t i = 0; i < CROWD; i++) {
		void *number;
		CHECK(pthread_join(started[i], &number) == 0 && number == (void *)i);
	}
}

static pthread_mutex_t *shared_mutex(void)
{
	pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(shared, &attributes);
	return shared;
}

static pthread_mutex_t *of_thread, *of_child;

static void *end_as_owner(void *unused)
{
	pthread_mutex_lock(of_thread);
	while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
		sleep_ms(5);
	return unused;
}

/* Owners of robust mutexes, a thread and another process, that die only after the restore. */
PROGRAM(robust_mutexes)
{
	of_thread = shared_mutex();
	of_child = shared_mutex();
	int orders[2];
	MUST(pipe(orders));
	pthread_t owner = thread_as(1, end_as_owner, NULL);
	pid_t child = fork_as(2);
	if (child == 0) {
		char order;
		pthread_mutex_lock(of_child);
		read(orders[0], &order, 1);
		end_child();
	}
	pthread_mutex_t *const mutexes[] = {of_thread, of_child};
	for (int i = 0; i < 2; i++)
		while (pthread_mutex_trylock(mutexes[i]) == 0) {
			pthread_mutex_unlock(mutexes[i]);
			sleep_ms(5);
		}
	ready_and_wait();

	CHECK(pthread_mutex_trylock(of_thread) == EBUSY && pthread_mutex_trylock(of_child) == EBUSY);
	__atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
	CHECK(pthread_join(owner, NULL) == 0);
	CHECK(pthread_mutex_lock(of_thread) == EOWNERDEAD);
	CHECK(write(orders[1], "x", 1) == 1);
	join_child(child);
	CHECK(pthread_mutex_lock(of_child) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(of_child) == 0 && pthread_mutex_unlock(of_child) == 0);
}
