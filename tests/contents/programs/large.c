#include "holder.h"

#define MIB (1024 * 1024)

/* So much memory that is not zero, in 4 KiB pages that all differ. */
static char *fill_memory(long mebibytes)
{
	char *memory = mmap(NULL, mebibytes * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory == MAP_FAILED ? -1 : 0);
	for (long at = 0; at < mebibytes * MIB; at += 4096)
		*(long *)(memory + at) = at + 1;
	return memory;
}

static void check_memory(const char *memory, long mebibytes)
{
	bool right = true;
	for (long at = 0; at < mebibytes * MIB; at += 4096)
		right = right && *(const long *)(memory + at) == at + 1;
	CHECK(right);
}

PROGRAM(large)
{
	char *memory = fill_memory(600);
	ready_and_wait();
	check_memory(memory, 600);
}

/* Five tasks with 100 MiB each. */
PROGRAM(five_large)
{
	pid_t children[4];
	int tube[2];
	char byte;
	MUST(pipe(tube));
	for (int i = 0; i < 4; i++) {
		children[i] = fork_as(i + 1);
		if (children[i] != 0)
			continue;
		char *memory = fill_memory(100);
		MUST(write(tube[1], "", 1));
		while (!may_go())
			sleep_ms(5);
		check_memory(memory, 100);
		end_child();
	}
	char *memory = fill_memory(100);
	for (int i = 0; i < 4; i++)
		MUST(read(tube[0], &byte, 1));
	ready_and_wait();
	check_memory(memory, 100);
	for (int i = 0; i < 4; i++)
		join_child(children[i]);
}

static void *wait_for_ever(void *argument)
{
	(void)argument;
	for (;;)
		pause();
	return NULL;
}

PROGRAM(six_threads)
{
	for (int i = 1; i < 6; i++)
		thread_as(i, wait_for_ever, NULL);
	ready_and_wait();
}
