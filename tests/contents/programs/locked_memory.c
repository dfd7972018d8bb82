#include "memory.h"
#include <linux/capability.h>
#include <sys/resource.h>

/* Locked memory: of which all pages are there, and of which pages are locked as they come. */
PROGRAM(locked_memory)
{
	int fd = make_file("data", 4 * PAGE, 1);
	char *whole = map(NULL, 8 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0);
	whole[0] = 1;
	char *later = map(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(later, 8 * PAGE, 2);
	MUST(mlock(later + PAGE, 6 * PAGE));
	char *on_fault = map(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0);
	MUST(mlock2(on_fault, 8 * PAGE, MLOCK_ONFAULT));
	fill(on_fault + 3 * PAGE, PAGE, 3);
	char *read_only = map(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	fill(read_only + PAGE, PAGE, 4);
	MUST(mprotect(read_only, 4 * PAGE, PROT_READ));
	MUST(mlock(read_only, 4 * PAGE));
	char *shared = map(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	MUST(mlock(shared, 4 * PAGE));
	char *segment = map(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(mlock2(segment, 8 * PAGE, MLOCK_ONFAULT));
	segment[5 * PAGE] = 5;
	char *nothing = map(NULL, 4 * PAGE, PROT_NONE, ANONYMOUS | MAP_LOCKED, -1, 0);
	char *closed = map(NULL, 4 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0);
	fill(closed, 4 * PAGE, 6);
	MUST(mprotect(closed, 4 * PAGE, PROT_NONE));
	/* Less than is locked: the limit must not matter until the end. */
	struct rlimit limit = {PAGE, PAGE};
	MUST(setrlimit(RLIMIT_MEMLOCK, &limit));
	ready_and_wait();

	CHECK(has_vm_flag(whole, "lo") && !has_vm_flag(whole, "lf") && whole[0] == 1);
	CHECK(!has_vm_flag(later, "lo") && has_vm_flag(later + PAGE, "lo") && !has_vm_flag(later + 7 * PAGE, "lo"));
	CHECK(is_filled(later, 8 * PAGE, 2));
	CHECK(has_vm_flag(on_fault, "lf") && is_zero(on_fault, 3 * PAGE) && is_filled(on_fault + 3 * PAGE, PAGE, 3));
	CHECK(has_vm_flag(read_only, "lo") && is_filled(read_only + PAGE, PAGE, 4) && !can_write(read_only));
	CHECK(has_vm_flag(shared, "lo") && is_filled(shared, 4 * PAGE, 1) && memcmp(read_only, shared, PAGE) == 0);
	CHECK(has_vm_flag(segment, "lf") && segment[5 * PAGE] == 5);
	CHECK(has_vm_flag(nothing, "lo") && has_vm_flag(closed, "lo") && !can_read(nothing) && !can_read(closed));
	CHECK(mprotect(closed, 4 * PAGE, PROT_READ) == 0 && is_filled(closed, 4 * PAGE, 6));
	CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_max == PAGE);
}

/* Everything is locked, by a task that could not do so again. */
PROGRAM(locked_for_ever)
{
	char *memory = map(NULL, 16 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(memory, 16 * PAGE, 1);
	MUST(mlockall(MCL_CURRENT));
	struct rlimit limit = {0, 0};
	MUST(setrlimit(RLIMIT_MEMLOCK, &limit));
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct capabilities[2];
	MUST(syscall(SYS_capget, &header, capabilities));
	capabilities[0].effective &= ~(1 << CAP_IPC_LOCK);
	capabilities[0].permitted &= ~(1 << CAP_IPC_LOCK);
	MUST(syscall(SYS_capset, &header, capabilities));
	ready_and_wait();

	CHECK(has_vm_flag(memory, "lo") && is_filled(memory, 16 * PAGE, 1));
	CHECK(has_vm_flag(locked_for_ever, "lo") && has_vm_flag(&memory, "lo"));
	CHECK(mlock(memory, PAGE) == -1 && errno == EPERM);
}
