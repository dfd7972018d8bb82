#include "memory.h"
#include <linux/memfd.h>

#define HUGE (2 * MIB)

/* Huge pages: private and shared, without a file and of a memfd, in part, read-only, and only reserved. */
PROGRAM(huge_pages)
{
	const int size = MAP_HUGETLB | 21 << MAP_HUGE_SHIFT;
	char *private = map(NULL, 3 * HUGE, RW, ANONYMOUS | size, -1, 0);
	fill(private, HUGE, 1);
	fill(private + 2 * HUGE, PAGE, 2);
	char *read_only = map(NULL, HUGE, RW, ANONYMOUS | size, -1, 0);
	fill(read_only, HUGE, 3);
	MUST(mprotect(read_only, HUGE, PROT_READ));
	char *reserved = map(NULL, 64 * HUGE, RW, ANONYMOUS | MAP_NORESERVE | size, -1, 0);
	fill(reserved + 63 * HUGE, PAGE, 4);
	char *shared = map(NULL, 3 * HUGE, RW, MAP_SHARED | MAP_ANONYMOUS | size, -1, 0);
	fill(shared + HUGE, HUGE, 5);
	int fd = MUST(memfd_create("huge", MFD_HUGETLB | MFD_HUGE_2MB));
	MUST(ftruncate(fd, 2 * HUGE));
	char *file = map(NULL, HUGE, RW, MAP_SHARED, fd, HUGE);
	fill(file, HUGE, 6);
	char *copy = map(NULL, HUGE, RW, MAP_PRIVATE, fd, HUGE);
	fill(copy + PAGE, PAGE, 7);
	pid_t child = fork_as(1);
	if (child == 0) {
		fill(private, PAGE, 8);
		MUST(munmap(shared, HUGE));
		while (!may_go())
			sleep_ms(5);
		CHECK(is_filled(private, PAGE, 8) && is_filled(shared + HUGE, HUGE, 5) && is_filled(file, HUGE, 6));
		shared[2 * HUGE] = 9;
		end_child();
	}
	ready_and_wait();

	join_child(child);
	CHECK(is_filled(private, HUGE, 1) && is_zero(private + HUGE, HUGE) && is_filled(private + 2 * HUGE, PAGE, 2));
	CHECK(is_filled(read_only, HUGE, 3) && !can_write(read_only));
	CHECK(is_filled(reserved + 63 * HUGE, PAGE, 4) && has_vm_flag(reserved, "ht") && has_vm_flag(reserved, "nr"));
	CHECK(is_zero(shared, HUGE) && is_filled(shared + HUGE, HUGE, 5) && shared[2 * HUGE] == 9);
	CHECK(is_filled(file, HUGE, 6) && is_filled(copy + PAGE, PAGE, 7) && memcmp(copy, file, PAGE) == 0);
	CHECK(has_vm_flag(private, "ht") && has_vm_flag(shared, "ht") && has_vm_flag(file, "ht"));
}
