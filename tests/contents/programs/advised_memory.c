#include "memory.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

struct advice {
	int number;
	const char *flag;
};

static const struct advice advices[] = {
	{MADV_RANDOM, "rr"},      {MADV_SEQUENTIAL, "sr"}, {MADV_DONTFORK, "dc"},   {MADV_MERGEABLE, "mg"},
	{MADV_HUGEPAGE, "hg"},    {MADV_NOHUGEPAGE, "nh"}, {MADV_DONTDUMP, "dd"},   {MADV_WIPEONFORK, "wf"},
};

#define ADVICES (sizeof(advices) / sizeof(*advices))

/* Every advice that a mapping keeps, also several of them and for parts of a mapping; a child sees what it may. */
PROGRAM(advised_memory)
{
	char *memory = free_addresses(4 * PAGE * (ADVICES + 1));
	bool given[ADVICES] = {0};
	for (size_t number = 0; number < ADVICES; number++) {
		char *pages = map(memory + number * 4 * PAGE, 4 * PAGE, RW, ANONYMOUS, -1, 0);
		fill(pages, 2 * PAGE, number);
		/* The kernel may have been made without it. */
		given[number] = madvise(pages, 2 * PAGE, advices[number].number) == 0;
	}
	char *several = map(memory + ADVICES * 4 * PAGE, 4 * PAGE, RW, ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(madvise(several, 4 * PAGE, MADV_DONTDUMP));
	MUST(madvise(several + PAGE, 2 * PAGE, MADV_SEQUENTIAL));
	MUST(madvise(several + 2 * PAGE, PAGE, MADV_DONTFORK));
	char *text = map(NULL, PAGE, PROT_READ, MAP_PRIVATE, make_file("data", PAGE, 7), 0);
	MUST(madvise(text, PAGE, MADV_RANDOM));
	ready_and_wait();

	for (size_t number = 0; number < ADVICES; number++) {
		char *pages = memory + number * 4 * PAGE;
		CHECK(has_vm_flag(pages, advices[number].flag) == given[number]);
		CHECK(!has_vm_flag(pages + 2 * PAGE, advices[number].flag));
		CHECK(is_filled(pages, 2 * PAGE, number) && is_zero(pages + 2 * PAGE, 2 * PAGE));
	}
	CHECK(has_vm_flag(several, "dd") && !has_vm_flag(several, "sr") && has_vm_flag(several + PAGE, "sr"));
	CHECK(has_vm_flag(several + 2 * PAGE, "dc") && has_vm_flag(several, "nr") && count_mappings(several, 4 * PAGE) == 4);
	CHECK(has_vm_flag(text, "rr") && is_filled(text, PAGE, 7));
	pid_t child = fork_as(1);
	if (child == 0) {
		CHECK(is_filled(memory, 2 * PAGE, 0) && !can_read(memory + 2 * 4 * PAGE));
		CHECK(!given[7] || is_zero(memory + 7 * 4 * PAGE, 2 * PAGE));
		end_child();
	}
	join_child(child);
}

/* No huge pages for the task. */
PROGRAM(without_huge_pages)
{
	char *memory = map(NULL, 4 * MIB, RW, ANONYMOUS, -1, 0);
	fill(memory, PAGE, 1);
	MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	pid_t child = fork_as(1);
	if (child == 0) {
		CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
		MUST(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
		while (!may_go())
			sleep_ms(5);
		CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0);
		end_child();
	}
	ready_and_wait();
	CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 && is_filled(memory, PAGE, 1));
	join_child(child);
}

/* Pages that fault, without being mappings of their own. */
PROGRAM(guard_pages)
{
	int fd = make_file("data", 8 * PAGE, 1);
	char *memory = map(NULL, 64 * PAGE, RW, ANONYMOUS, -1, 0);
	char *file = map(NULL, 8 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *closed = map(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(memory, 64 * PAGE, 2);
	fill(file + 4 * PAGE, PAGE, 3);
	bool have = madvise(memory + 8 * PAGE, 2 * PAGE, MADV_GUARD_INSTALL) == 0;
	bool have_files = madvise(file + 2 * PAGE, PAGE, MADV_GUARD_INSTALL) == 0;
	if (have) {
		MUST(madvise(memory, PAGE, MADV_GUARD_INSTALL));
		MUST(madvise(memory + 63 * PAGE, PAGE, MADV_GUARD_INSTALL));
		for (int page = 20; page < 40; page += 2)
			MUST(madvise(memory + page * PAGE, PAGE, MADV_GUARD_INSTALL));
		MUST(madvise(closed + PAGE, PAGE, MADV_GUARD_INSTALL));
		MUST(mprotect(closed, 4 * PAGE, PROT_READ));
	}
	ready_and_wait();

	if (have) {
		for (int page = 0; page < 64; page++) {
			bool guarded = page == 0 || page == 63 || page == 8 || page == 9 || (page >= 20 && page < 40 && page % 2 == 0);
			CHECK(can_read(memory + page * PAGE) == !guarded);
		}
		CHECK(!can_read(closed + PAGE) && can_read(closed + 2 * PAGE));
		CHECK(count_mappings(memory, 64 * PAGE) == 1);
		CHECK(madvise(memory, 64 * PAGE, MADV_GUARD_REMOVE) == 0 && is_zero(memory + 8 * PAGE, 2 * PAGE));
		CHECK(can_write(memory));
	}
	CHECK(can_read(file + 2 * PAGE) == !have_files && is_filled(file + 4 * PAGE, PAGE, 3));
}
