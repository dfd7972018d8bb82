#include "memory.h"
#include <sys/resource.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

/* Pages that were only read, that were given back, and that were never there. */
PROGRAM(holes)
{
	char *memory = map(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(memory, 8 * PAGE, 1);
	MUST(madvise(memory + 2 * PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK(memory[3 * PAGE] == 0);
	memset(memory + 5 * PAGE, 0, PAGE);
	char *read_only = map(NULL, 4 * PAGE, PROT_READ, ANONYMOUS, -1, 0);
	CHECK(is_zero(read_only, 2 * PAGE));
	/* More ranges than one system call reads. */
	char *comb = map(NULL, 4096 * PAGE, RW, ANONYMOUS, -1, 0);
	for (int page = 0; page < 4096; page += 2)
		fill(comb + page * PAGE, PAGE, page);
	ready_and_wait();

	CHECK(is_filled(memory, 2 * PAGE, 1) && is_zero(memory + 2 * PAGE, 2 * PAGE));
	CHECK(is_zero(memory + 5 * PAGE, PAGE) && is_zero(read_only, 4 * PAGE));
	for (int page = 0; page < 4096; page += 2) {
		CHECK(is_filled(comb + page * PAGE, PAGE, page));
		CHECK(is_zero(comb + (page + 1) * PAGE, PAGE));
	}
}

/* Address space that is reserved and hardly used. */
PROGRAM(sparse_memory)
{
	char *large = map(NULL, 10 * GIB, RW, ANONYMOUS, -1, 0);
	large[4 * GIB] = 1;
	large[8 * GIB] = 2;
	char *reserved = map(NULL, 5 * TIB, RW, ANONYMOUS | MAP_NORESERVE, -1, 0);
	reserved[0] = 3;
	reserved[4 * TIB + 7 * PAGE] = 4;
	reserved[5 * TIB - 1] = 5;
	char *nothing = map(NULL, 16 * TIB, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(mprotect(nothing + 8 * TIB, 64 * PAGE, RW));
	fill(nothing + 8 * TIB, 64 * PAGE, 6);
	ready_and_wait();

	CHECK(large[4 * GIB] == 1 && large[8 * GIB] == 2 && large[0] == 0 && large[10 * GIB - 1] == 0);
	CHECK(reserved[0] == 3 && reserved[4 * TIB + 7 * PAGE] == 4 && reserved[5 * TIB - 1] == 5);
	CHECK(reserved[TIB] == 0);
	CHECK(is_filled(nothing + 8 * TIB, 64 * PAGE, 6) && !can_read(nothing) && !can_read(nothing + 8 * TIB + 64 * PAGE));
}

/* More than the task itself may have by now. */
PROGRAM(limited_memory)
{
	char *memory = map(NULL, 10 * GIB, RW, ANONYMOUS, -1, 0);
	memory[5 * GIB] = 1;
	const struct rlimit limit = {4 * GIB, 4 * GIB};
	MUST(setrlimit(RLIMIT_DATA, &limit));
	ready_and_wait();

	CHECK(memory[5 * GIB] == 1 && memory[0] == 0);
	CHECK(mmap(NULL, PAGE, RW, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
}

/* More than one system call reads. */
PROGRAM(large_memory)
{
	size_t size = 1100 * MIB;
	char *memory = map(NULL, size, RW, ANONYMOUS, -1, 0);
	fill(memory, size, 1);
	ready_and_wait();
	CHECK(is_filled(memory, size, 1));
}

/* A mapping for every other page. */
PROGRAM(many_mappings)
{
	const int count = 20000;
	char *memory = map(NULL, 2 * count * PAGE, PROT_NONE, ANONYMOUS, -1, 0);
	int fd = make_file("data", PAGE, 1);
	for (int page = 0; page < count; page++) {
		char *address = memory + 2 * page * PAGE;
		if (page % 10 == 0)
			MUST((long)mmap(address, PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
		else
			MUST(mprotect(address, PAGE, RW));
		if (page % 4 == 0)
			*(int *)address = page;
	}
	ready_and_wait();

	for (int page = 0; page < count; page++) {
		char *address = memory + 2 * page * PAGE;
		CHECK(!can_read(address + PAGE));
		if (page % 4 == 0)
			CHECK(*(int *)address == page);
		else
			CHECK(page % 10 == 0 ? is_filled(address, PAGE, 1) : is_zero(address, PAGE));
	}
	CHECK(count_mappings(memory, 2 * count * PAGE) == 2 * count);
}

/* Memory that the kernel may drop has nothing in it when it is back. */
PROGRAM(droppable_memory)
{
	char *memory = mmap(NULL, 2 * PAGE, RW, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		fill(memory, PAGE, 1);
	ready_and_wait();
	if (memory == MAP_FAILED)
		return;
	CHECK(is_zero(memory, 2 * PAGE) && has_vm_flag(memory, "dp") && has_vm_flag(memory, "wf"));
	CHECK(madvise(memory, PAGE, MADV_KEEPONFORK) == -1);
	fill(memory, PAGE, 2);
	CHECK(is_filled(memory, PAGE, 2));
}

/* 64 MiB of its own, and 36 MiB that a child shares. */
PROGRAM(hundred_megabytes)
{
	char *own = map(NULL, 64 * MIB, RW, ANONYMOUS, -1, 0);
	char *shared = map(NULL, 36 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill(own, 64 * MIB, 1);
	fill(shared, 36 * MIB, 2);
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(munmap(own, 64 * MIB));
		while (!may_go())
			sleep_ms(5);
		CHECK(is_filled(shared, 36 * MIB, 2));
		end_child();
	}
	ready_and_wait();
	CHECK(is_filled(own, 64 * MIB, 1));
	join_child(child);
}

/* Memory that changes all the time, in part. */
PROGRAM(changing_memory)
{
	const unsigned count = 64;
	char *constant = map(NULL, 256 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(constant, 256 * PAGE, 1);
	char *memory = map(NULL, count * PAGE, RW, ANONYMOUS, -1, 0);
	unsigned turn = 0;
	ready();
	while (!may_go()) {
		*(unsigned *)(memory + turn % count * PAGE) = turn;
		turn++;
		sleep_ms(1);
	}
	CHECK(is_filled(constant, 256 * PAGE, 1));
	for (unsigned page = 0; page < count; page++) {
		unsigned last = turn - 1 - (turn - 1 - page) % count;
		CHECK(turn <= page || *(unsigned *)(memory + page * PAGE) == last);
	}
}
