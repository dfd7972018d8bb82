#include "holder.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>

#define CAPABILITIES 41
#define BIT(number) (1ULL << (number))

struct credentials {
	uint32_t uids[4], gids[4], groups[300];
	int group_count, secure_bits, no_new_privileges, dumpable, keep_capabilities;
	uint64_t permitted, effective, inheritable, bounding, ambient;
};

static void get_capabilities(struct credentials *c)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	syscall(SYS_capget, &header, data);
	c->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	c->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	c->inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
}

static void set_capabilities(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{effective, permitted, inheritable},
						 {effective >> 32, permitted >> 32, inheritable >> 32}};
	MUST(syscall(SYS_capset, &header, data));
}

/* By system calls alone: the library's would do for all threads. */
static struct credentials get(void)
{
	struct credentials c;
	memset(&c, 0, sizeof(c));
	syscall(SYS_getresuid, &c.uids[0], &c.uids[1], &c.uids[2]);
	syscall(SYS_getresgid, &c.gids[0], &c.gids[1], &c.gids[2]);
	c.uids[3] = syscall(SYS_setfsuid, -1);
	c.gids[3] = syscall(SYS_setfsgid, -1);
	c.group_count = syscall(SYS_getgroups, 300, c.groups);
	c.secure_bits = prctl(PR_GET_SECUREBITS);
	c.no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	c.dumpable = prctl(PR_GET_DUMPABLE);
	c.keep_capabilities = prctl(PR_GET_KEEPCAPS);
	get_capabilities(&c);
	for (int i = 0; i < CAPABILITIES; i++) {
		c.bounding |= prctl(PR_CAPBSET_READ, i) == 1 ? BIT(i) : 0;
		c.ambient |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1 ? BIT(i) : 0;
	}
	return c;
}

static void set_ids(int first_uid, int first_gid)
{
	MUST(syscall(SYS_setresgid, first_gid, first_gid + 1, first_gid + 2));
	MUST(syscall(SYS_setresuid, first_uid, first_uid + 1, first_uid + 2));
}

static void be_plain_user(void)
{
	uint32_t group = 65534;
	MUST(syscall(SYS_setgroups, 1, &group));
	MUST(syscall(SYS_setresgid, 65534, 65534, 65534));
	MUST(syscall(SYS_setresuid, 65534, 65534, 65534));
}

static void be_many(void)
{
	uint32_t groups[200];
	for (int i = 0; i < 200; i++)
		groups[i] = 100000 + 7 * i;
	MUST(syscall(SYS_setgroups, 200, groups));
	MUST(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	set_ids(1001, 2001);
	syscall(SYS_setfsuid, 1004);
	syscall(SYS_setfsgid, 2004);
	set_capabilities(BIT(CAP_CHOWN) | BIT(CAP_NET_ADMIN) | BIT(CAP_SETUID), BIT(CAP_NET_ADMIN), BIT(CAP_CHOWN));
}

static void be_without_groups(void)
{
	MUST(syscall(SYS_setgroups, 0, NULL));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* Inheritable outside the bounding set; ambient, and no way to raise it any more; all of it locked. */
static void be_locked(void)
{
	const uint64_t inheritable = BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_KILL);
	struct credentials own = get();
	set_capabilities(own.permitted, own.permitted, inheritable);
	for (int i = 0; i < CAPABILITIES; i++)
		if (i != CAP_NET_RAW && i != CAP_SETPCAP)
			MUST(prctl(PR_CAPBSET_DROP, i));
	MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
	MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
					      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS |
					      SECBIT_NO_SETUID_FIXUP_LOCKED));
	set_capabilities(BIT(CAP_NET_RAW) | BIT(CAP_KILL), BIT(CAP_NET_RAW), inheritable);
}

static void be_keeper_of_capabilities(void)
{
	MUST(prctl(PR_SET_KEEPCAPS, 1));
}

/* As after a program with the set-user-ID bit: root by effect only. */
static void be_set_user_id(void)
{
	MUST(syscall(SYS_setresuid, 1000, 0, 0));
	MUST(prctl(PR_SET_DUMPABLE, 1));
}

static void be_on_behalf_of(void)
{
	uint32_t groups[200];
	for (int i = 0; i < 200; i++)
		groups[i] = 100000 + 7 * i;
	MUST(syscall(SYS_setgroups, 200, groups));
	syscall(SYS_setfsgid, 2004);
	syscall(SYS_setfsuid, 1004);
}

static void be_undumpable(void)
{
	MUST(prctl(PR_SET_DUMPABLE, 0));
}

#define KINDS(kinds) (int)(sizeof(kinds) / sizeof(kinds[0]))

static void hold(void (*const kinds[])(void), int count)
{
	int set_up[2], orders[2];
	char byte;
	MUST(pipe(set_up));
	MUST(pipe(orders));
	pid_t children[16];
	for (int i = 0; i < count; i++) {
		children[i] = fork_as(1 + i);
		if (children[i] != 0)
			continue;
		kinds[i]();
		struct credentials before = get(), after;
		MUST(write(set_up[1], "x", 1));
		CHECK(read(orders[0], &byte, 1) == 1);
		after = get();
		CHECK(memcmp(&before, &after, sizeof(before)) == 0);
		end_child();
	}
	for (int i = 0; i < count; i++)
		MUST(read(set_up[0], &byte, 1));
	ready_and_wait();
	for (int i = 0; i < count; i++)
		CHECK(write(orders[1], "x", 1) == 1);
	for (int i = 0; i < count; i++)
		join_child(children[i]);
}

/* Capabilities and what goes with them, in children of root. */
PROGRAM(credentials)
{
	static void (*const kinds[])(void) = {be_without_groups, be_on_behalf_of, be_keeper_of_capabilities, be_undumpable};
	hold(kinds, KINDS(kinds));
}

PROGRAM(locked_credentials)
{
	static void (*const kinds[])(void) = {be_locked};
	hold(kinds, KINDS(kinds));
}

/* Users and groups. */
PROGRAM(users)
{
	static void (*const kinds[])(void) = {be_plain_user, be_many, be_set_user_id};
	hold(kinds, KINDS(kinds));
}

static pthread_barrier_t barrier;

static void *as_somebody_else(void *number)
{
	int n = (intptr_t)number;
	uint32_t groups[] = {n, n + 1};
	MUST(syscall(SYS_setgroups, 2, groups));
	MUST(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	MUST(syscall(SYS_setresuid, n, n, 0));
	set_capabilities(BIT(CAP_DAC_OVERRIDE) | BIT(CAP_SETUID), BIT(CAP_DAC_OVERRIDE), 0);
	struct credentials before = get(), after;
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	after = get();
	/* It belongs to all threads, and is the first one's affair. */
	after.dumpable = before.dumpable;
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	return NULL;
}

/* Threads with credentials of their own. */
PROGRAM(credentials_of_threads)
{
	pthread_barrier_init(&barrier, NULL, 4);
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		threads[i] = thread_as(1 + i, as_somebody_else, (void *)(intptr_t)(1000 + i));
	pthread_barrier_wait(&barrier);
	MUST(prctl(PR_SET_DUMPABLE, 1));
	struct credentials before = get(), after;
	ready_and_wait();
	after = get();
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}
