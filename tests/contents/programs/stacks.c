#include "memory.h"

/* Mappings that grow downwards: alone, with something in the way, split, and next to each other. */
PROGRAM(stacks)
{
	const int flags = ANONYMOUS | MAP_GROWSDOWN;
	/* Room to grow: the kernel keeps a gap of 256 pages to what is below. */
	char *space = free_addresses(4096 * PAGE);
	char *lone = map(space + 1024 * PAGE, PAGE, RW, flags, -1, 0);
	lone[0] = 1;
	*(volatile char *)(lone - PAGE) = 2;
	char *blocked = map(space + 2048 * PAGE, PAGE, RW, flags, -1, 0);
	blocked[0] = 3;
	char *obstacle = map(space + 2046 * PAGE, PAGE, RW, ANONYMOUS, -1, 0);
	fill(obstacle, PAGE, 4);
	char *split = map(space + 3072 * PAGE, 3 * PAGE, RW, flags, -1, 0);
	fill(split, 3 * PAGE, 5);
	MUST(mprotect(split + PAGE, PAGE, PROT_READ));
	char *upper = map(space + 3600 * PAGE, 2 * PAGE, RW, flags, -1, 0);
	char *lower = map(space + 3598 * PAGE, 2 * PAGE, PROT_READ, flags, -1, 0);
	char *touching = map(space + 3597 * PAGE, PAGE, RW | PROT_EXEC, flags, -1, 0);
	fill(touching, PAGE, 6);
	ready_and_wait();

	CHECK(lone[0] == 1 && lone[-PAGE] == 2);
	*(volatile char *)(lone - 2 * PAGE) = 7;
	CHECK(lone[-2 * PAGE] == 7 && has_vm_flag(lone - 2 * PAGE, "gd"));
	CHECK(blocked[0] == 3 && is_filled(obstacle, PAGE, 4) && !can_write(blocked - PAGE));
	CHECK(munmap(obstacle, PAGE) == 0 && can_write(blocked - PAGE));
	CHECK(is_filled(split, 3 * PAGE, 5) && can_write(split) && !can_write(split + PAGE) && can_write(split - PAGE));
	CHECK(is_zero(upper, 2 * PAGE) && is_zero(lower, 2 * PAGE) && is_filled(touching, PAGE, 6));
	CHECK(can_write(upper) && !can_write(lower));
}

/* Needs a page of stack for each call. */
static int depth(int left)
{
	volatile int frame[PAGE / sizeof(int)];
	frame[0] = left;
	return left == 0 ? 0 : depth(left - 1) + frame[0] - left + 1;
}

/* The stack of the task itself, and its heap. */
PROGRAM(growing_task)
{
	char *heap = sbrk(0);
	MUST(sbrk(8 * PAGE));
	fill(heap + PAGE - (uintptr_t)heap % PAGE, 4 * PAGE, 1);
	ready_and_wait();

	CHECK(is_filled(heap + PAGE - (uintptr_t)heap % PAGE, 4 * PAGE, 1));
	CHECK(sbrk(0) == heap + 8 * PAGE && sbrk(1024 * PAGE) == heap + 8 * PAGE && can_write(heap + 1000 * PAGE));
	CHECK(sbrk(-1032 * (long)PAGE) == heap + 1032 * PAGE && sbrk(0) == heap);
	CHECK(depth(500) == 500);
}
