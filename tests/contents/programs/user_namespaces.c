/*
 * User namespaces. What these programs open has to be there for the users inside, so they run again from a directory
 * that these may enter.
 */
#include "own_mounts.h"
#include "socket_cgroups.h"
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Which users and groups there are inside, and outside; others for groups. */
#define USER_MAP "0 100000 1000\n5000 205000 10\n"
#define GROUP_MAP "0 100000 1000\n5000 305000 10\n"
#define ROOT_OUTSIDE 100000
/* How many mounts of /dev/null a container has: more than there are descriptors kept free for other things. */
#define NULLS 120
#define USER 5001
#define GROUP 5002

static void copy_executable(const char *to)
{
	struct stat state;
	int source = MUST(open("/proc/self/exe", O_RDONLY));
	int target = MUST(open(to, O_WRONLY | O_CREAT, 0755));
	MUST(fstat(source, &state));
	while (MUST(sendfile(target, source, NULL, state.st_size)) > 0)
		;
	close(source);
	close(target);
}

/* Runs the program again from its own directory, which becomes that of the root inside. */
static void move_to_directory(const char *program)
{
	if (strcmp(own_executable(), path_of("holder")) == 0)
		return;
	copy_executable(path_of("holder"));
	MUST(chmod(directory, 0755));
	MUST(chown(directory, ROOT_OUTSIDE, ROOT_OUTSIDE));
	MUST(close(open(path_of("err"), O_WRONLY | O_CREAT | O_APPEND, 0644)));
	MUST(chown(path_of("err"), ROOT_OUTSIDE, ROOT_OUTSIDE));
	MUST(chdir(directory));
	MUST(execl(path_of("holder"), "holder", program, directory, NULL));
}

/* Our pid as /proc shows it, which may be that of another pid namespace. */
static pid_t own_pid_in_proc(void)
{
	char pid[16] = "";
	MUST(readlink("/proc/self", pid, sizeof(pid) - 1));
	return atoi(pid);
}

static void write_maps(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	put_text(path, USER_MAP);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	put_text(path, GROUP_MAP);
}

static void become(uid_t user, gid_t group, size_t count, const gid_t *groups)
{
	MUST(setgroups(count, groups));
	MUST(setresgid(group, group, group));
	MUST(setresuid(user, user, user));
}

static void become_root(void)
{
	become(0, 0, 0, NULL);
}

/* Makes a user namespace, with others in it, and becomes its root. */
static void enter_user_namespace(int others)
{
	int made[2];
	pid_t self = own_pid_in_proc();
	char byte;
	MUST(pipe(made));
	pid_t writer = MUST(fork());
	if (writer == 0) {
		MUST(read(made[0], &byte, 1));
		write_maps(self);
		_exit(0);
	}
	MUST(unshare(CLONE_NEWUSER | others));
	MUST(write(made[1], "", 1));
	join_child(writer);
	close(made[0]);
	close(made[1]);
	become_root();
	MUST(prctl(PR_SET_DUMPABLE, 1));
}

static bool has_ids(uid_t user, gid_t group)
{
	uid_t users[3];
	gid_t groups[3];
	return getresuid(&users[0], &users[1], &users[2]) == 0 && getresgid(&groups[0], &groups[1], &groups[2]) == 0 &&
	       users[0] == user && users[1] == user && users[2] == user && groups[0] == group && groups[1] == group &&
	       groups[2] == group;
}

static bool is_mapped(void)
{
	char line[64];
	int first, outside, count, lines = 0;
	FILE *map = fopen("/proc/self/uid_map", "r");
	while (fgets(line, sizeof(line), map) != NULL)
		if (sscanf(line, "%d %d %d", &first, &outside, &count) == 3)
			lines += first == 0 ? count == 1000 : first == 5000 && count == 10;
	fclose(map);
	return lines == 2;
}

/* A file without a name, of a user who is not root. */
static int open_ghost(const char *path)
{
	int file = MUST(open(path, O_RDWR | O_CREAT, 0640));
	MUST(write(file, "gone", 4));
	MUST(fchown(file, USER, GROUP));
	MUST(unlink(path));
	return file;
}

static bool is_ghost(int file)
{
	struct stat state;
	char text[8] = "";
	return fstat(file, &state) == 0 && state.st_uid == USER && state.st_gid == GROUP && state.st_nlink == 0 &&
	       (state.st_mode & 0777) == 0640 && pread(file, text, 8, 0) == 4 && strcmp(text, "gone") == 0;
}

/* Nothing but a user namespace, with a task of another user in it. */
PROGRAM(user_alone)
{
	static const gid_t groups[] = {7, 5003};
	int entered[2], ready[2];
	char byte;
	move_to_directory("user_alone");
	pid_t self = own_pid_in_proc();
	MUST(pipe(entered));
	MUST(pipe(ready));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(entered[1]);
		MUST(read(entered[0], &byte, 1));
		enter_namespace_of(self, "user");
		/* Only root's capabilities go with its id. */
		become_root();
		become(USER, GROUP, 2, groups);
		MUST(prctl(PR_SET_DUMPABLE, 1));
		MUST(write(ready[1], "", 1));
		while (!may_go())
			sleep_ms(5);
		gid_t found[3];
		CHECK(has_ids(USER, GROUP) && is_mapped());
		CHECK(getgroups(3, found) == 2 && found[0] == 7 && found[1] == 5003);
		CHECK(setuid(0) == -1 && errno == EPERM);
		end_child();
	}
	enter_user_namespace(0);
	MUST(write(entered[1], "", 1));
	MUST(read(ready[0], &byte, 1));
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path_of("socket"));
	int local = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), ends[2];
	MUST(bind(local, (struct sockaddr *)&name, sizeof(name)));
	MUST(listen(local, 1));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	MUST(write(ends[0], "queued", 6));
	int left[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, left));
	MUST(write(left[1], "last", 4));
	close(left[1]);
	int ghost = open_ghost(path_of("gone"));

	ready_and_wait();

	char text[8] = "";
	CHECK(has_ids(0, 0) && is_mapped() && is_ghost(ghost));
	CHECK(read(left[0], text, 8) == 4 && strcmp(text, "last") == 0 && read(left[0], text, 8) == 0);
	CHECK(read(ends[1], text, 8) == 6 && strcmp(text, "queued") == 0);
	CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)) == 0);
	/* It has all capabilities, in the namespace only. */
	CHECK(setresuid(-1, USER, -1) == 0 && setresuid(-1, 0, -1) == 0);
	CHECK(sethostname("outside", 7) == -1 && errno == EPERM);
	join_child(child);
}

/* What only somebody outside may set. */
PROGRAM(user_outer)
{
	struct rlimit many = {1234, 500000};
	move_to_directory("user_outer");
	put_text("/proc/self/oom_score_adj", "-321");
	MUST(setpriority(PRIO_PROCESS, 0, -7));
	MUST(setrlimit(RLIMIT_NPROC, &many));
	enter_user_namespace(0);

	ready_and_wait();

	struct rlimit found;
	CHECK(has_text("/proc/self/oom_score_adj", "-321\n"));
	CHECK(getpriority(PRIO_PROCESS, 0) == -7 && getrlimit(RLIMIT_NPROC, &found) == 0);
	CHECK(found.rlim_cur == 1234 && found.rlim_max == 500000);
	CHECK(setpriority(PRIO_PROCESS, 0, -8) == -1 && errno == EACCES);
}

static void set_loopback_up(void)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(ioctl(fd, SIOCSIFFLAGS, &loopback));
	close(fd);
}

static int listen_at(const struct sockaddr_in *port)
{
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(fd, (const struct sockaddr *)port, sizeof(*port)));
	MUST(listen(fd, 2));
	return fd;
}

static bool can_connect(const struct sockaddr_in *port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool can = connect(fd, (const struct sockaddr *)port, sizeof(*port)) == 0;
	close(fd);
	return can;
}

/* With namespaces that it owns. */
PROGRAM(user_several)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	move_to_directory("user_several");
	enter_user_namespace(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET);
	MUST(sethostname("inside", 6));
	set_loopback_up();
	listen_at(&port);
	MUST(setresuid(-1, USER, -1));
	int segment = MUST(shmget(7, 4096, IPC_CREAT | 0600));
	MUST(setresuid(-1, 0, -1));
	MUST(prctl(PR_SET_DUMPABLE, 1));
	char *shared = shmat(segment, NULL, 0);
	strcpy(shared, "shared");

	ready_and_wait();

	char name[64] = "";
	struct shmid_ds state;
	CHECK(has_ids(0, 0) && is_mapped());
	CHECK(gethostname(name, sizeof(name)) == 0 && strcmp(name, "inside") == 0 && sethostname("changed", 7) == 0);
	CHECK(can_connect(&port));
	CHECK(strcmp(shared, "shared") == 0 && shmctl(segment, IPC_STAT, &state) == 0 && state.shm_perm.uid == USER);
	set_loopback_up();
}

/* With mounts of its own, of which the proc is of a pid namespace that others have. */
PROGRAM(user_mounts)
{
	if (!is_inside()) {
		move_to_directory("user_mounts");
		leave_mounts(MS_PRIVATE);
		enter_user_namespace(CLONE_NEWNS);
		run_inside(own_executable(), "user_mounts");
	}
	ready_and_wait();
	CHECK(has_ids(0, 0) && is_mapped() && own_pid_in_proc() == getpid());
	CHECK(mount("t", path_of(""), "tmpfs", 0, NULL) == 0 && umount(path_of("")) == 0);
	CHECK(mount("proc", path_of(""), "proc", 0, NULL) == -1 && errno == EPERM);
}

/* An overlay of a directory outside and of file systems of its own, as those without rights can make it. */
PROGRAM(user_overlay)
{
	if (!is_inside()) {
		char options[2048];
		move_to_directory("user_overlay");
		leave_mounts(MS_PRIVATE);
		enter_user_namespace(CLONE_NEWNS);
		static const char *const names[] = {"lower", "t", "merged"};
		for (int index = 0; index < 3; index++)
			make_directory(path_of(names[index]));
		put_text(path_of("lower/file"), "lower");
		put_text(path_of("lower/hidden"), "");
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/upper"));
		make_directory(path_of("t/work"));
		snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", path_of("lower"),
			 path_of("t/upper"), path_of("t/work"));
		MUST(mount("own", path_of("merged"), "overlay", 0, options));
		run_inside(own_executable(), "user_overlay");
	}
	int file = MUST(open(path_of("merged/file"), O_RDONLY));
	MUST(unlink(path_of("merged/hidden")));
	int ghost = open_ghost(path_of("merged/gone"));
	ready_and_wait();
	char text[8] = "";
	CHECK(has_ids(0, 0) && is_mapped() && is_ghost(ghost));
	CHECK(read(file, text, 8) == 5 && strcmp(text, "lower") == 0 && access(path_of("merged/hidden"), F_OK) == -1);
	put_text(path_of("merged/file"), "upper");
	CHECK(has_text(path_of("lower/file"), "lower") && has_text(path_of("t/upper/file"), "upper"));
}

static ino_t network_of(const char *process)
{
	char path[64];
	struct stat state;
	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	MUST(stat(path, &state));
	return state.st_ino;
}

/* A child in a net namespace of its own, which belongs to the same users, and a pair of devices between both. */
PROGRAM(user_nested)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char parent[16], command[100], byte;
	int entered[2], made[2];
	move_to_directory("user_nested");
	pid_t self = getpid();
	snprintf(parent, sizeof(parent), "%d", self);
	MUST(pipe(entered));
	MUST(pipe(made));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(entered[1]);
		MUST(read(entered[0], &byte, 1));
		enter_namespace_of(self, "user");
		become_root();
		MUST(prctl(PR_SET_DUMPABLE, 1));
		MUST(unshare(CLONE_NEWNET));
		set_loopback_up();
		listen_at(&port);
		MUST(write(made[1], "", 1));
		while (!may_go())
			sleep_ms(5);
		CHECK(has_ids(0, 0) && is_mapped() && can_connect(&port) && network_of("self") != network_of(parent));
		CHECK(if_nametoindex("in0") == 9 && if_nametoindex("out0") == 0);
		set_loopback_up();
		/* The pair of devices ends with this namespace: the parent looks at it first. */
		CHECK(read(entered[0], &byte, 1) == 1);
		end_child();
	}
	enter_user_namespace(CLONE_NEWNET);
	set_loopback_up();
	listen_at(&port);
	MUST(write(entered[1], "", 1));
	MUST(read(made[0], &byte, 1));
	snprintf(command, sizeof(command), "ip link add out0 index 8 type veth peer name in0 index 9 netns %d", child);
	MUST(system(command) == 0 ? 0 : -1);

	ready_and_wait();

	CHECK(has_ids(0, 0) && is_mapped() && can_connect(&port));
	CHECK(system("ip -o link show out0 | grep -q '^8: out0@if9:'") == 0);
	CHECK(write(entered[1], "", 1) == 1);
	join_child(child);
}

/* In a cgroup, and with a net namespace that belongs to its users. */
PROGRAM(user_sockets)
{
	uint64_t cgroup = enter_cgroup("first");
	move_to_directory("user_sockets");
	enter_user_namespace(CLONE_NEWNET);
	set_loopback_up();
	int udp = bound(SOCK_DGRAM, "127.0.0.1", 53), listening = bound(SOCK_STREAM, "127.0.0.1", 80);
	MUST(listen(listening, 1));
	MUST(cgroup_of(listening, IPPROTO_TCP) == cgroup ? 0 : -1);

	ready_and_wait();

	CHECK(has_ids(0, 0) && is_mapped());
	CHECK(cgroup_of(listening, IPPROTO_TCP) == cgroup && cgroup_of(udp, IPPROTO_UDP) == cgroup);
}

/* Runs a command in a child, which goes on when the program says so. */
static pid_t start_later(const char *command, int told)
{
	char byte;
	pid_t child = MUST(fork());
	if (child != 0)
		return child;
	MUST(read(told, &byte, 1));
	MUST(execl("/bin/sh", "sh", "-ec", command, NULL));
	_exit(1);
}

/* A net namespace, to which a command connects something from outside. */
static void enter_connected(const char *command)
{
	int told[2], status;
	MUST(pipe(told));
	pid_t connecting = start_later(command, told[0]);
	enter_user_namespace(CLONE_NEWNET);
	MUST(write(told[1], "", 1));
	MUST(waitpid(connecting, &status, 0));
	MUST(status == 0 ? 0 : -1);
	close(told[0]);
	close(told[1]);
	set_loopback_up();
}

/* As containers of users without rights: a device whose other end is outside, in a bridge, made by somebody there. */
PROGRAM(user_veth)
{
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = inet_addr("10.4.0.2")};
	char command[400];
	move_to_directory("user_veth");
	snprintf(command, sizeof(command),
	         "ip link add cgrv0 index 7077 type veth peer name eth0 index 7 address 02:00:00:00:00:07 mtu 1400 netns %d;"
	         "ip link set cgrv0 up master cgrvbr; ip addr add 10.4.0.1/24 dev cgrvbr",
	         getpid());
	enter_connected(command);
	MUST(system("ip link set eth0 addrgenmode none && ip addr add 10.4.0.2/24 dev eth0 && ip link set eth0 up &&"
	            "ip route add default via 10.4.0.1") == 0 ? 0 : -1);
	listen_at(&port);

	ready_and_wait();

	CHECK(has_ids(0, 0) && is_mapped() && can_connect(&port));
	CHECK(system("ip -o link show eth0 | grep -q '^7: eth0.* mtu 1400 .*state UP'") == 0);
	struct sockaddr_in outside = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr("10.4.0.1")};
	/* Nobody listens there, which only who is there can tell. */
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&outside, sizeof(outside)) == -1 && errno == ECONNREFUSED);
}

/* A device that uses another one outside. */
PROGRAM(user_macvlan)
{
	char command[200];
	move_to_directory("user_macvlan");
	snprintf(command, sizeof(command),
	         "ip link add link cgrvbr name mv0 index 7 address 02:00:00:00:00:07 mtu 1400 netns %d type macvlan mode bridge",
	         getpid());
	enter_connected(command);
	MUST(system("ip link set mv0 addrgenmode none && ip addr add 10.4.0.2/24 dev mv0 && ip link set mv0 up") == 0 ? 0 : -1);

	ready_and_wait();

	CHECK(has_ids(0, 0) && is_mapped());
	CHECK(system("ip -o -d link show mv0 | grep -q '^7: mv0.* mtu 1400 .*02:00:00:00:00:07.* macvlan mode bridge'") == 0);
	CHECK(system("ip -o addr show mv0 | grep -q 10.4.0.2/24") == 0);
}

/* A root of its own, with what nobody in a user namespace has to be given by others; and /dev/null. */
static void enter_root(void)
{
	char path[1024];
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount(path_of("root"), path_of("root"), NULL, MS_BIND, NULL));
	snprintf(path, sizeof(path), "%s%s", path_of("root"), directory);
	MUST(mount(directory, path, NULL, MS_BIND, NULL));
	MUST(mount("proc", path_of("root/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	MUST(mount("sysfs", path_of("root/sys"), "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	MUST(mount("dev", path_of("root/dev"), "tmpfs", MS_NOSUID, "mode=755,gid=7"));
	make_directory(path_of("root/dev/mqueue"));
	MUST(mount("mqueue", path_of("root/dev/mqueue"), "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	make_directory(path_of("root/dev/pts"));
	MUST(mount("devpts", path_of("root/dev/pts"), "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,mode=620,gid=5"));
	for (int index = 0; index < NULLS; index++) {
		snprintf(path, sizeof(path), "%s/dev/null%.*d", path_of("root"), index > 0, index);
		put_text(path, "");
		MUST(mount("/dev/null", path, NULL, MS_BIND, NULL));
	}
	MUST(chdir(path_of("root")));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
}

static void make_root(void)
{
	static const char *const names[] = {"proc", "dev", "sys"};
	char path[1024], above[1024];
	make_directory(path_of("root"));
	for (int index = 0; index < 3; index++) {
		snprintf(path, sizeof(path), "%s/%s", path_of("root"), names[index]);
		make_directory(path);
	}
	/* The directory of the program is at the same place inside. */
	snprintf(path, sizeof(path), "%s%s", path_of("root"), directory);
	for (const char *end = strchr(path + strlen(path_of("root")) + 1, '/'); end; end = strchr(end + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(end - path), path);
		make_directory(above);
	}
	make_directory(path);
	copy_executable(path_of("root/holder"));
	MUST(chown(path_of("root"), ROOT_OUTSIDE, ROOT_OUTSIDE));
}

/* Starts a program as a container: the first process in namespaces of all kinds. */
static void start_contained(const char *program)
{
	struct clone_args arguments = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	int made[2];
	char byte;
	MUST(pipe(made));
	pid_t child = MUST(syscall(SYS_clone3, &arguments, sizeof(arguments)));
	if (child == 0) {
		MUST(read(made[0], &byte, 1));
		become_root();
		MUST(setsid());
		MUST(sethostname("cgr-container", 13));
		enter_root();
		MUST(close_range(0, ~0U, 0));
		MUST(open("/dev/null", O_RDWR));
		MUST(dup(0));
		MUST(open(path_of("err"), O_WRONLY | O_CREAT | O_APPEND, 0644));
		MUST(chdir("/"));
		MUST(execl("/holder", "holder", program, directory, NULL));
	}
	write_maps(child);
	MUST(write(made[1], "", 1));
	waitpid(child, NULL, 0);
	/* What comes of it is told by the program. */
	_exit(0);
}

static void *be_other_user(void *ready)
{
	/* Of this thread only: the C library would set those of all. */
	MUST(syscall(SYS_setresuid, USER, USER, 0));
	MUST(write(*(int *)ready, "", 1));
	while (!may_go())
		sleep_ms(5);
	CHECK(geteuid() == USER && syscall(SYS_setresuid, -1, 0, -1) == 0);
	return NULL;
}

/* Has mounts and a network of its own in the user namespace, and becomes another user. */
static void live_nested(int ready)
{
	MUST(unshare(CLONE_NEWNS | CLONE_NEWNET));
	make_directory("/dev/sys");
	MUST(mount("sysfs", "/dev/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	MUST(mount("private", "/sys", "tmpfs", 0, NULL));
	put_text("/sys/private", "private");
	become(USER, GROUP, 0, NULL);
	MUST(prctl(PR_SET_DUMPABLE, 1));
	MUST(write(ready, "", 1));
	for (;;)
		pause();
}

/* The other end of a terminal with a line that waits to be read, and its echo. */
static int open_typed(int master)
{
	int locked = 0, count = 0;
	MUST(ioctl(master, TIOCSPTLCK, &locked));
	int slave = MUST(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	MUST(write(master, "typed\n", 6));
	while (count < 7)
		MUST(ioctl(master, FIONREAD, &count));
	return slave;
}

static bool is_typed(int master, int slave)
{
	char line[16];
	return read(slave, line, sizeof(line)) == 6 && memcmp(line, "typed\n", 6) == 0 &&
	       read(master, line, sizeof(line)) == 7 && memcmp(line, "typed\r\n", 7) == 0;
}

/* Of a file of another user, for which a user inside may not do what root may outside. */
static int open_leased(const char *path)
{
	int fd = MUST(open(path, O_RDONLY));
	setfsuid(USER);
	MUST(fcntl(fd, F_SETLEASE, F_RDLCK));
	setfsuid(0);
	return fd;
}

PROGRAM(user_container)
{
	if (getpid() != 1) {
		move_to_directory("user_container");
		make_root();
		start_contained("user_container");
	}
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ready[2];
	char byte;
	MUST(pipe(ready));
	set_loopback_up();
	listen_at(&port);
	put_text("/dev/kept", "kept");
	MUST(chown("/dev/kept", USER, GROUP));
	int leased = open_leased("/dev/kept");
	int ghost = open_ghost("/dev/gone"), own = MUST(open("/proc/self/status", O_RDONLY));
	int terminal = MUST(open("/dev/pts/ptmx", O_RDWR | O_NOCTTY)), slave = open_typed(terminal);
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, be_other_user, &ready[1]) == 0 ? 0 : -1);
	MUST(read(ready[0], &byte, 1));
	pid_t child = MUST(fork());
	if (child == 0)
		live_nested(ready[1]);
	MUST(read(ready[0], &byte, 1));

	ready_and_wait();

	struct stat state;
	char name[64] = "";
	int locked = 0;
	pthread_join(thread, NULL);
	CHECK(getpid() == 1 && has_ids(0, 0) && is_mapped() && is_ghost(ghost));
	CHECK(gethostname(name, sizeof(name)) == 0 && strcmp(name, "cgr-container") == 0 && can_connect(&port));
	CHECK(stat("/dev/kept", &state) == 0 && state.st_uid == USER && state.st_gid == GROUP);
	CHECK(stat("/dev", &state) == 0 && state.st_uid == 0 && state.st_gid == 7);
	CHECK(ioctl(terminal, TIOCSPTLCK, &locked) == 0 && stat("/dev/pts/0", &state) == 0 && state.st_gid == 5);
	CHECK(is_typed(terminal, slave));
	CHECK(fcntl(leased, F_GETLEASE) == F_RDLCK);
	CHECK(read(own, name, 5) == 5 && strncmp(name, "Name:", 5) == 0);
	/* It may mount, and set what its namespaces have. */
	CHECK(mount("more", "/sys", "tmpfs", 0, NULL) == 0 && sethostname("changed", 7) == 0);
	snprintf(name, sizeof(name), "/proc/%d", child);
	CHECK(stat(name, &state) == 0 && state.st_uid == USER && state.st_gid == GROUP);
	snprintf(name, sizeof(name), "/proc/%d/root/sys/private", child);
	CHECK(has_text(name, "private") && access("/sys/private", F_OK) == -1);
	char path[100];
	snprintf(path, sizeof(path), "/proc/%d/root/dev/sys/class/net/lo/flags", child);
	bool shows_own_network = has_text(path, "0x8\n");
	CHECK(shows_own_network && access("/dev/sys/class", F_OK) == -1);
	int status = 0;
	CHECK(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
}
