#include "holder.h"
#include <linux/rseq.h>
#include <sched.h>
#include <sys/rseq.h>

#define SIGNATURE 0x53053053
/* Larger than the first version of the structure. */
#define LARGE 64

static char program_may_go;

/*
 * Adds 1 to a counter in a critical section, which ends when the program may go on; returns whether it got to its end.
 * Whenever the thread is preempted in it, it is aborted.
 */
long add_in_section(struct rseq *rseq, long *counter, char *may_go);
asm("	.section .data\n"
    "	.balign 32\n"
    "section_of_add:\n"
    "	.long 0, 0\n"
    "	.quad 1f, 2f - 1f, 4f\n"
    "	.text\n"
    "add_in_section:\n"
    "	lea section_of_add(%rip), %rax\n"
    "	mov %rax, 8(%rdi)\n"
    "1:	pause\n"
    "	cmpb $0, (%rdx)\n"
    "	je 1b\n"
    "	incq (%rsi)\n"
    "2:	mov $1, %eax\n"
    "	ret\n"
    "	.long 0x53053053\n"
    "4:	xor %eax, %eax\n"
    "	ret\n");

static void check_section(struct rseq *rseq)
{
	long counter = 0, aborts = 0;
	while (!add_in_section(rseq, &counter, &program_may_go))
		aborts++;
	CHECK(counter == 1);
	/* The dump is one. */
	CHECK(aborts > 0);
}

static void check_registered(struct rseq *rseq, uint32_t size)
{
	CHECK(syscall(SYS_rseq, rseq, size, 0, SIGNATURE) == -1 && errno == EBUSY);
	CHECK(syscall(SYS_rseq, rseq, size, 0, SIGNATURE + 1) == -1 && errno == EPERM);
	int cpu = sched_getcpu();
	CHECK(cpu >= 0 && rseq->cpu_id < (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	CHECK(rseq->cpu_id == rseq->cpu_id_start);
}

static struct rseq *of_library(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* The kernel is told the size of the first version at least. */
static uint32_t size_of_library(void)
{
	return __rseq_size < 32 ? 32 : __rseq_size;
}

static void *with_area_of_its_own(void *unused)
{
	struct rseq *large = memset(aligned_alloc(LARGE, LARGE), 0, LARGE);
	MUST(syscall(SYS_rseq, of_library(), size_of_library(), RSEQ_FLAG_UNREGISTER, SIGNATURE));
	MUST(syscall(SYS_rseq, large, LARGE, 0, SIGNATURE));
	check_section(large);
	check_registered(large, LARGE);
	return unused;
}

static void *without_any(void *unused)
{
	MUST(syscall(SYS_rseq, of_library(), size_of_library(), RSEQ_FLAG_UNREGISTER, SIGNATURE));
	while (!program_may_go)
		sleep_ms(5);
	CHECK(syscall(SYS_rseq, of_library(), size_of_library(), 0, SIGNATURE) == 0);
	return unused;
}

static void *wait_for_end(void *unused)
{
	sleep_ms(50);
	ready_and_wait();
	program_may_go = 1;
	return unused;
}

/* Restartable sequences: the C library's, one in a larger area, none; two threads in critical sections. */
PROGRAM(rseq)
{
	MUST(__rseq_size == 0 ? -1 : 0);
	pthread_t threads[] = {
		thread_as(1, with_area_of_its_own, NULL),
		thread_as(2, without_any, NULL),
		thread_as(3, wait_for_end, NULL),
	};
	check_section(of_library());
	check_registered(of_library(), size_of_library());
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}
