#include "holder.h"
#include <limits.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define PAGE 4096

static bool says(const char *path, const char *text)
{
	char found[200] = "";
	int fd = open(path, O_RDONLY);
	int length = read(fd, found, sizeof(found) - 1);
	close(fd);
	return length > 0 && strncmp(found, text, strlen(text)) == 0 && found[strlen(text)] == '\n';
}

static bool has_names(const char *host, const char *domain)
{
	char name[65], group[65];
	return gethostname(name, sizeof(name)) == 0 && strcmp(name, host) == 0 &&
	       getdomainname(group, sizeof(group)) == 0 && strcmp(group, domain) == 0;
}

PROGRAM(uts)
{
	MUST(unshare(CLONE_NEWUTS));
	MUST(sethostname("held-host", 9));
	MUST(setdomainname("held.domain", 11));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(has_names("held-host", "held.domain"));
		CHECK(sethostname("changed", 7) == 0);
		end_child();
	}
	ready_and_wait();
	join_child(child);
	CHECK(has_names("changed", "held.domain"));
}

/* Names that are empty, or no text. */
PROGRAM(uts_odd)
{
	MUST(unshare(CLONE_NEWUTS));
	MUST(sethostname("a\xff\xfez \"", 6));
	MUST(setdomainname("", 0));
	ready_and_wait();
	CHECK(has_names("a\xff\xfez \"", ""));
}

static struct timespec now(clockid_t clock)
{
	struct timespec time;
	MUST(clock_gettime(clock, &time));
	return time;
}

static void enter_time_namespace(const char *offsets)
{
	MUST(unshare(CLONE_NEWTIME));
	put_text("/proc/self/timens_offsets", offsets);
	int fd = MUST(open("/proc/self/ns/time_for_children", O_RDONLY));
	MUST(setns(fd, CLONE_NEWTIME));
	close(fd);
}

/* Whether a clock has gone on, and not for long. */
static bool goes_on(clockid_t clock, struct timespec from)
{
	struct timespec to = now(clock);
	int64_t nanoseconds = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
	return nanoseconds > 0 && nanoseconds < 60LL * 1000000000;
}

static void check_clocks(void)
{
	struct timespec monotonic = now(CLOCK_MONOTONIC), boot = now(CLOCK_BOOTTIME);
	struct timespec coarse = now(CLOCK_MONOTONIC_COARSE);
	struct itimerspec far = {.it_value = {.tv_sec = monotonic.tv_sec + 1000}};
	struct itimerspec near = {.it_value = {.tv_nsec = 1}};
	int alarm = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
	int ticker = MUST(timerfd_create(CLOCK_BOOTTIME, 0));
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	MUST(timer_settime(timer, TIMER_ABSTIME, &far, NULL));
	MUST(timerfd_settime(alarm, TFD_TIMER_ABSTIME, &far, NULL));
	MUST(timerfd_settime(ticker, 0, &near, NULL));
	uint64_t ticks = 0;

	ready_and_wait();

	CHECK(goes_on(CLOCK_MONOTONIC, monotonic));
	CHECK(goes_on(CLOCK_BOOTTIME, boot));
	CHECK(goes_on(CLOCK_MONOTONIC_COARSE, coarse));
	struct timespec direct;
	CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &direct) == 0 && direct.tv_sec - now(CLOCK_MONOTONIC).tv_sec < 2);
	CHECK(timerfd_gettime(alarm, &far) == 0 && far.it_value.tv_sec > 900 && far.it_value.tv_sec <= 1000);
	CHECK(timer_gettime(timer, &far) == 0 && far.it_value.tv_sec > 900 && far.it_value.tv_sec <= 1000);
	CHECK(read(ticker, &ticks, sizeof(ticks)) == sizeof(ticks) && ticks == 1);
}

PROGRAM(time_ahead)
{
	enter_time_namespace("1 5000000 5\n7 70000000 999999999\n");
	check_clocks();
}

/* Below what this machine's own clocks say. */
PROGRAM(time_behind)
{
	char offsets[100];
	long long monotonic = now(CLOCK_MONOTONIC).tv_sec, boot = now(CLOCK_BOOTTIME).tv_sec;
	sprintf(offsets, "1 %lld 1\n7 %lld 2\n", 5 - monotonic, 9 - boot);
	enter_time_namespace(offsets);
	check_clocks();
}

/* In the host's, which go on all the same. */
PROGRAM(time_host)
{
	check_clocks();
}

static char *attach(int id, const void *at, int flags)
{
	char *memory = shmat(id, at, flags);
	MUST(memory == (void *)-1 ? -1 : 0);
	return memory;
}

static struct shmid_ds shm_state(int id)
{
	struct shmid_ds state;
	memset(&state, 0xff, sizeof(state));
	CHECK(shmctl(id, IPC_STAT, &state) == 0);
	return state;
}

/* Attached in two tasks, for reading only, in no task; with parts taken away and protected. */
PROGRAM(shm)
{
	MUST(unshare(CLONE_NEWIPC));
	int keyed = MUST(shmget(0x1234abcd, 3 * PAGE + 5, IPC_CREAT | 0640));
	int alone = MUST(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
	int parts = MUST(shmget(IPC_PRIVATE, 8 * PAGE, 0600));
	int empty = MUST(shmget(IPC_PRIVATE, 20 * PAGE, 0600));
	MUST(shmctl(MUST(shmget(IPC_PRIVATE, PAGE, 0600)), IPC_RMID, NULL));
	int late = MUST(shmget(IPC_PRIVATE, PAGE, 0600));
	char *shared = attach(keyed, NULL, 0);
	char *fixed = attach(keyed, (void *)0x700000000000, SHM_RDONLY);
	strcpy(shared + 2 * PAGE, "of both");
	char *memory = attach(alone, NULL, 0);
	strcpy(memory + PAGE, "of nobody");
	MUST(shmdt(memory));
	strcpy(attach(late, NULL, 0), "the last");
	char *holes = attach(parts, NULL, 0);
	for (int page = 0; page < 8; page++)
		holes[page * PAGE] = 'a' + page;
	MUST(munmap(holes, PAGE));
	MUST(munmap(holes + 3 * PAGE, PAGE));
	MUST(munmap(holes + 6 * PAGE, 2 * PAGE));
	MUST(mprotect(holes + 2 * PAGE, PAGE, PROT_READ));
	/* Other memory where parts were. */
	char *between = mmap(holes + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	strcpy(between, "between");
	pid_t child = fork_as(1);
	if (child == 0) {
		/* CRIU can only dump a segment of which somebody has the end, or nobody has anything. */
		char *whole = attach(parts, NULL, 0);
		shared[0] = 1;
		while (!may_go())
			sleep_ms(5);
		CHECK(whole[0] == 'a' && whole[7 * PAGE] == 'h');
		CHECK(strcmp(shared + 2 * PAGE, "of both") == 0);
		strcpy(shared + 3 * PAGE, "abc");
		end_child();
	}

	while (*(volatile char *)shared == 0)
		sleep_ms(1);

	ready_and_wait();

	join_child(child);
	CHECK(strcmp(shared + 3 * PAGE, "abc") == 0);
	CHECK(strcmp(fixed + 3 * PAGE, "abc") == 0);
	CHECK(shmget(0x1234abcd, 0, 0) == keyed);
	CHECK(shmget(0x1234abcd, 1, IPC_CREAT | IPC_EXCL | 0600) == -1 && errno == EEXIST);
	struct shmid_ds state = shm_state(keyed);
	CHECK(state.shm_segsz == 3 * PAGE + 5 && state.shm_perm.mode == 0640 && state.shm_nattch == 2);
	/* What was attached for reading stays so. */
	CHECK(mprotect(fixed, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	CHECK(shm_state(alone).shm_nattch == 0);
	char *again = shmat(alone, NULL, 0);
	CHECK(again != (void *)-1 && strcmp(again + PAGE, "of nobody") == 0 && again[0] == 0);
	CHECK(holes[PAGE] == 'b' && holes[2 * PAGE] == 'c' && holes[4 * PAGE] == 'e' && holes[5 * PAGE] == 'f');
	CHECK(strcmp(between, "between") == 0);
	CHECK(mprotect(holes + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
	again = shmat(parts, NULL, 0);
	CHECK(again[0] == 'a' && again[7 * PAGE] == 'h');
	again[5 * PAGE] = 'z';
	CHECK(holes[5 * PAGE] == 'z');
	CHECK(shmdt(holes) == 0);
	CHECK(shm_state(parts).shm_nattch == 1);
	CHECK(shmctl(empty, IPC_RMID, NULL) == 0 && shmdt(shared) == 0 && shmdt(fixed) == 0);
	CHECK(shm_state(keyed).shm_nattch == 0);
}

/* Removed, but attached; locked; owned by others. CRIU forgets the first two, and the creator. */
PROGRAM(shm_modes)
{
	MUST(unshare(CLONE_NEWIPC));
	int removed = MUST(shmget(0x55, PAGE, IPC_CREAT | 0600));
	char *memory = attach(removed, NULL, 0);
	strcpy(memory, "until the end");
	MUST(shmctl(removed, IPC_RMID, NULL));
	int locked = MUST(shmget(0x56, PAGE, IPC_CREAT | 0600));
	MUST(shmctl(locked, SHM_LOCK, NULL));
	MUST(setresgid(-1, 2222, -1));
	MUST(setresuid(-1, 1111, -1));
	int foreign = MUST(shmget(0x57, PAGE, IPC_CREAT | 0604));
	MUST(setresuid(-1, 0, -1));
	MUST(setresgid(-1, 0, -1));
	struct shmid_ds state;
	MUST(shmctl(foreign, IPC_STAT, &state));
	state.shm_perm.uid = 3333;
	state.shm_perm.gid = 4444;
	state.shm_perm.mode = 0051;
	MUST(shmctl(foreign, IPC_SET, &state));

	ready_and_wait();

	state = shm_state(removed);
	CHECK((state.shm_perm.mode & SHM_DEST) != 0 && state.shm_nattch == 1);
	CHECK(strcmp(memory, "until the end") == 0);
	CHECK(shmdt(memory) == 0);
	CHECK(shmctl(removed, IPC_STAT, &state) == -1 && errno == EINVAL);
	CHECK((shm_state(locked).shm_perm.mode & SHM_LOCKED) != 0);
	state = shm_state(foreign);
	CHECK(state.shm_perm.uid == 3333 && state.shm_perm.gid == 4444 && state.shm_perm.mode == 0051);
	CHECK(state.shm_perm.cuid == 1111 && state.shm_perm.cgid == 2222);
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
}

/* CRIU cannot dump a size that is not one of whole huge pages. */
PROGRAM(shm_huge)
{
	size_t huge = 1 << 21;
	MUST(unshare(CLONE_NEWIPC));
	int segment = MUST(shmget(0x66, 2 * huge, SHM_HUGETLB | IPC_CREAT | 0600));
	char *memory = attach(segment, NULL, 0);
	strcpy(memory + huge, "huge");

	ready_and_wait();

	CHECK(strcmp(memory + huge, "huge") == 0);
	struct shmid_ds state = shm_state(segment);
	CHECK(state.shm_segsz == 2 * huge && state.shm_nattch == 1);
	CHECK(shmdt(memory) == 0);
}

/* Locked in memory where it is attached. */
PROGRAM(shm_mlocked)
{
	MUST(unshare(CLONE_NEWIPC));
	char *memory = attach(MUST(shmget(IPC_PRIVATE, 3 * PAGE, 0600)), NULL, 0);
	memset(memory, 'x', 3 * PAGE);
	MUST(mlock(memory + PAGE, PAGE));

	ready_and_wait();

	CHECK(memory[0] == 'x' && memory[PAGE] == 'x' && memory[2 * PAGE] == 'x');
	CHECK(munlock(memory + PAGE, PAGE) == 0);
}

static void put_message(int queue, long type, const void *text, size_t length)
{
	struct {
		long type;
		char text[20000];
	} message = {.type = type};
	memcpy(message.text, text, length);
	MUST(msgsnd(queue, &message, length, IPC_NOWAIT));
}

static bool takes_message(int queue, long type, const void *text, ssize_t length)
{
	struct {
		long type;
		char text[20000];
	} message;
	return msgrcv(queue, &message, sizeof(message.text), type, IPC_NOWAIT) == length &&
	       memcmp(message.text, text, length) == 0;
}

static struct msqid_ds msg_state(int id)
{
	struct msqid_ds state;
	memset(&state, 0xff, sizeof(state));
	CHECK(msgctl(id, IPC_STAT, &state) == 0);
	return state;
}

PROGRAM(msg)
{
	MUST(unshare(CLONE_NEWIPC));
	int empty = MUST(msgget(IPC_PRIVATE, 0600));
	int queue = MUST(msgget(0xabcd0001, IPC_CREAT | 0620));
	put_message(queue, 7, "seven", 5);
	put_message(queue, LONG_MAX, "", 0);
	put_message(queue, 7, "seven again", 11);
	put_message(queue, 3, "\0\1\2", 3);

	ready_and_wait();

	CHECK(msgget(0xabcd0001, 0) == queue);
	struct msqid_ds state = msg_state(queue);
	CHECK(state.msg_qnum == 4 && state.msg_perm.mode == 0620);
	CHECK(takes_message(queue, 3, "\0\1\2", 3));
	CHECK(takes_message(queue, 0, "seven", 5));
	CHECK(takes_message(queue, 0, "", 0));
	CHECK(takes_message(queue, 7, "seven again", 11));
	CHECK(!takes_message(queue, 0, "", 0) && errno == ENOMSG);
	CHECK(msg_state(empty).msg_qnum == 0);
	CHECK(msgctl(empty, IPC_RMID, NULL) == 0);
}

/* A capacity that is not the usual one, above what is allowed and below what is there, and a large message. */
PROGRAM(msg_limits)
{
	MUST(unshare(CLONE_NEWIPC));
	char large[20000];
	memset(large, 'x', sizeof(large));
	put_text("/proc/sys/kernel/msgmax", "20000");
	put_text("/proc/sys/kernel/msgmnb", "50000");
	int queue = MUST(msgget(1, IPC_CREAT | 0600));
	put_text("/proc/sys/kernel/msgmnb", "1000000");
	int wide = MUST(msgget(2, IPC_CREAT | 0600));
	put_message(queue, 1, large, sizeof(large));
	struct msqid_ds state;
	MUST(msgctl(queue, IPC_STAT, &state));
	state.msg_qbytes = 100;
	MUST(msgctl(queue, IPC_SET, &state));
	put_text("/proc/sys/kernel/msgmnb", "400");

	ready_and_wait();

	CHECK(says("/proc/sys/kernel/msgmax", "20000") && says("/proc/sys/kernel/msgmnb", "400"));
	CHECK(msg_state(queue).msg_qbytes == 100 && msg_state(wide).msg_qbytes == 1000000);
	CHECK(takes_message(queue, 0, large, sizeof(large)));
}

PROGRAM(sem)
{
	MUST(unshare(CLONE_NEWIPC));
	/* So that ids are not the first ones. */
	MUST(semctl(MUST(semget(IPC_PRIVATE, 1, 0600)), 0, IPC_RMID));
	int set = MUST(semget(0x10203040, 5, IPC_CREAT | 0606));
	unsigned short values[5] = {0, 1, 32767, 4, 0};
	MUST(semctl(set, 0, SETALL, values));
	pid_t child = fork_as(1);
	if (child == 0) {
		struct sembuf take = {.sem_num = 0, .sem_op = -2};
		int result;
		/* A dump interrupts it. */
		while ((result = semop(set, &take, 1)) == -1 && errno == EINTR)
			;
		CHECK(result == 0);
		end_child();
	}

	ready_and_wait();

	CHECK(semget(0x10203040, 5, 0) == set);
	unsigned short found[5];
	CHECK(semctl(set, 0, GETALL, found) == 0 && memcmp(found, values, sizeof(values)) == 0);
	struct sembuf give = {.sem_num = 0, .sem_op = 2};
	CHECK(semop(set, &give, 1) == 0);
	join_child(child);
}

/* Limits, also such as are below what there is; and ids that are chosen for what comes next. */
PROGRAM(ipc_limits)
{
	MUST(unshare(CLONE_NEWIPC));
	int segment = MUST(shmget(1, 5 * PAGE, IPC_CREAT | 0600));
	int set = MUST(semget(1, 7, IPC_CREAT | 0600));
	put_text("/proc/sys/kernel/sem", "5 50 6 7");
	put_text("/proc/sys/kernel/shmmax", "4097");
	put_text("/proc/sys/kernel/shmall", "1");
	put_text("/proc/sys/kernel/shmmni", "1");
	put_text("/proc/sys/kernel/msgmni", "3");
	put_text("/proc/sys/fs/mqueue/queues_max", "11");
	put_text("/proc/sys/fs/mqueue/msg_max", "12");
	put_text("/proc/sys/fs/mqueue/msgsize_max", "1300");
	put_text("/proc/sys/fs/mqueue/msg_default", "14");
	put_text("/proc/sys/fs/mqueue/msgsize_default", "1500");
	put_text("/proc/sys/kernel/msg_next_id", "4711");
	put_text("/proc/sys/kernel/shm_next_id", "4712");

	ready_and_wait();

	CHECK(says("/proc/sys/kernel/sem", "5\t50\t6\t7"));
	CHECK(says("/proc/sys/kernel/shmmax", "4097") && says("/proc/sys/kernel/shmall", "1"));
	CHECK(says("/proc/sys/kernel/shmmni", "1") && says("/proc/sys/kernel/msgmni", "3"));
	CHECK(says("/proc/sys/fs/mqueue/queues_max", "11") && says("/proc/sys/fs/mqueue/msg_max", "12"));
	CHECK(says("/proc/sys/fs/mqueue/msgsize_max", "1300") && says("/proc/sys/fs/mqueue/msg_default", "14"));
	CHECK(says("/proc/sys/fs/mqueue/msgsize_default", "1500"));
	CHECK(says("/proc/sys/kernel/sem_next_id", "-1") && says("/proc/sys/kernel/shm_next_id", "4712"));
	CHECK(msgget(IPC_PRIVATE, 0600) == 4711);
	CHECK(shmget(1, 0, 0) == segment && semget(1, 0, 0) == set);
	CHECK(shmget(IPC_PRIVATE, PAGE, 0600) == -1 && errno == ENOSPC);
}

/* Segments end with their last user; those without any cannot be dumped. */
PROGRAM(shm_forced)
{
	MUST(unshare(CLONE_NEWIPC));
	put_text("/proc/sys/kernel/shm_rmid_forced", "1");
	int segment = MUST(shmget(2, PAGE, IPC_CREAT | 0600));
	char *memory = attach(segment, NULL, 0);
	strcpy(memory, "attached");

	ready_and_wait();

	CHECK(says("/proc/sys/kernel/shm_rmid_forced", "1"));
	CHECK(shm_state(segment).shm_nattch == 1 && strcmp(memory, "attached") == 0);
	CHECK(shmdt(memory) == 0);
	struct shmid_ds state;
	CHECK(shmctl(segment, IPC_STAT, &state) == -1);
}

/* All kinds, in a tree of which the child is born with the memory of its maker; for calls that fail. */
PROGRAM(namespaces_several)
{
	MUST(unshare(CLONE_NEWUTS | CLONE_NEWIPC));
	enter_time_namespace("1 1000 0\n7 2000 0\n");
	MUST(sethostname("several", 7));
	MUST(setdomainname("of.many", 7));
	int segment = MUST(shmget(0x77, 2 * PAGE, IPC_CREAT | 0600));
	char *memory = attach(segment, NULL, 0);
	strcpy(memory + PAGE, "content");
	MUST(shmctl(segment, IPC_RMID, NULL));
	int queue = MUST(msgget(0x78, IPC_CREAT | 0600));
	put_message(queue, 1, "message", 7);
	MUST(setresuid(-1, 1111, -1));
	int set = MUST(semget(0x79, 2, IPC_CREAT | 0600));
	MUST(setresuid(-1, 0, -1));
	MUST(prctl(PR_SET_DUMPABLE, 1));
	struct timespec before = now(CLOCK_MONOTONIC);
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(strcmp(memory + PAGE, "content") == 0);
		end_child();
	}

	ready_and_wait();

	join_child(child);
	CHECK(has_names("several", "of.many"));
	CHECK(takes_message(queue, 0, "message", 7));
	CHECK(semctl(set, 0, GETVAL) == 0);
	CHECK(goes_on(CLOCK_MONOTONIC, before));
}

/* Only the child is in a namespace of its own. */
PROGRAM(uts_child)
{
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(unshare(CLONE_NEWUTS));
		for (;;)
			sleep_ms(100);
	}
	ready_and_wait();
}

static const char *const KINDS[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
#define KIND_COUNT ((int)(sizeof(KINDS) / sizeof(KINDS[0])))

static int open_namespace(const char *kind)
{
	return open_namespace_of(getpid(), kind);
}

static ino_t inode_of(int fd)
{
	struct stat status = {0};
	CHECK(fstat(fd, &status) == 0);
	return status.st_ino;
}

/* Whether a namespace that is open is the one that the caller is in. */
static bool is_own(int fd, const char *kind)
{
	int own = open_namespace(kind);
	bool is_same = inode_of(fd) == inode_of(own);
	close(own);
	return is_same;
}

/* The namespaces of the task itself are open. */
PROGRAM(kept_namespaces)
{
	int files[KIND_COUNT];
	for (int i = 0; i < KIND_COUNT; i++)
		files[i] = open_namespace(KINDS[i]);
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(is_own(files[3], "net"));
		end_child();
	}
	ready_and_wait();
	for (int i = 0; i < KIND_COUNT; i++)
		CHECK(is_own(files[i], KINDS[i]));
	join_child(child);
}

/* Those that it has left are open, and its own. */
PROGRAM(left_namespaces)
{
	int left_uts = open_namespace("uts"), left_ipc = open_namespace("ipc");
	MUST(unshare(CLONE_NEWUTS | CLONE_NEWIPC));
	int uts = open_namespace("uts"), ipc = open_namespace("ipc");
	/* It is the host's, which does not change. */
	ino_t left_uts_is = inode_of(left_uts), left_ipc_is = inode_of(left_ipc);
	ready_and_wait();
	CHECK(inode_of(left_uts) == left_uts_is && inode_of(left_ipc) == left_ipc_is);
	CHECK(is_own(uts, "uts") && is_own(ipc, "ipc"));
	CHECK(setns(left_uts, CLONE_NEWUTS) == 0 && is_own(left_uts, "uts"));
}
