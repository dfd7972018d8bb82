/* Tasks in different mount namespaces. */
#include "own_mounts.h"
#include <net/if.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/un.h>

/* For tasks that do not see the program's directory. */
static volatile bool *may_end;

/* Is back in the namespace of the root task, with a file from where its parent is. */
static void return_to(pid_t root, int foreign)
{
	enter_namespace_of(root, "mnt");
	put_text(path_of("returned"), "");
	while (!*may_end)
		sleep_ms(5);
	char text[8] = "";
	CHECK(pread(foreign, text, 7, 0) == 7 && strcmp(text, "its own") == 0);
	CHECK(access(path_of("u/file"), F_OK) == -1 && access(path_of("t/tmp/private"), F_OK) == -1);
	CHECK(has_text(path_of("t/file"), "shared"));
	end_child();
}

/* Its namespace was made from that of its parent: it has covered something there. */
static void go_deeper(int foreign)
{
	MUST(unshare(CLONE_NEWNS));
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("deep", path_of("u"), "tmpfs", MS_NOEXEC, "size=64k"));
	make_owned(path_of("u/file"), "deep");
	MUST(chdir(path_of("u")));
	int file = MUST(open("file", O_RDWR));
	put_text(path_of("deeper"), "");
	while (!*may_end)
		sleep_ms(5);
	struct stat one, other;
	CHECK(fstat(file, &one) == 0 && stat(path_of("u/file"), &other) == 0 && one.st_ino == other.st_ino);
	CHECK(one.st_uid == 12 && has_text(path_of("u/file"), "deep"));
	CHECK(fstat(foreign, &one) == 0 && one.st_dev != other.st_dev);
	CHECK((flags_of(path_of("u")) & (ST_NOSUID | ST_NOEXEC)) == ST_NOEXEC);
	CHECK(!is_mounted(path_of("t/point")) && !is_mounted(path_of("p/point")));
	end_child();
}

/* Where its parent is, with a root directory of its own there. */
static void live_in_jail(void)
{
	MUST(chroot(path_of("u/dir")));
	MUST(chdir("/"));
	while (!*may_end)
		sleep_ms(5);
	CHECK(has_text("/inside", "jail") && access("/proc", F_OK) == -1);
	end_child();
}

/* Has a root directory of its own in memory, with the program's directory and nothing else of the host. */
static void live_in_sandbox(int outer)
{
	char path[1024];
	MUST(unshare(CLONE_NEWNS));
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("sandbox", path_of("sandbox"), "tmpfs", MS_NODEV, "mode=0755"));
	snprintf(path, sizeof(path), "%s%s", path_of("sandbox"), directory);
	make_directories(path);
	MUST(mount(directory, path, NULL, MS_BIND, NULL));
	snprintf(path, sizeof(path), "%s/here", path_of("sandbox"));
	make_owned(path, "sandbox");
	MUST(chdir(path_of("sandbox")));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	int file = MUST(open("/here", O_RDONLY));
	put_text(path_of("sandboxed"), "");
	while (!*may_end)
		sleep_ms(5);
	char text[16] = "";
	CHECK(read(file, text, sizeof(text)) == 7 && has_text("/here", "sandbox") && access("/proc", F_OK) == -1);
	CHECK(pread(outer, text, 6, 0) == 6 && strncmp(text, "shared", 6) == 0);
	end_child();
}

/* As services have them: parts of what all see, and file systems of their own; one receives, one shares. */
static void make_nested(void)
{
	MUST(unshare(CLONE_NEWNS));
	MUST(mount(NULL, path_of("t"), NULL, MS_SLAVE, NULL));
	MUST(mount(path_of("t/private"), path_of("t/tmp"), NULL, MS_BIND, NULL));
	MUST(mount("own", path_of("u"), "tmpfs", MS_NOSUID, "size=1m,mode=0710"));
	MUST(mount(path_of("one"), path_of("one"), NULL, MS_BIND, NULL));
	MUST(mount(NULL, path_of("one"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	make_owned(path_of("u/file"), "its own");
	make_directory(path_of("u/dir"));
	make_owned(path_of("u/dir/inside"), "jail");
}

static void live_nested(int outer)
{
	pid_t root = getppid();
	make_nested();
	MUST(chdir(path_of("u/dir")));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of("u/socket"));
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	MUST(listen(listener, 5));
	int own = MUST(open("../file", O_RDWR));
	char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	make_owned(path_of("u/gone"), "ghost");
	int gone = MUST(open(path_of("u/gone"), O_RDWR));
	MUST(unlink(path_of("u/gone")));
	int notify = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(notify, path_of("u/file"), IN_MODIFY));
	put_text(path_of("gone"), "ghost");
	int far = MUST(open(path_of("gone"), O_RDONLY));
	MUST(unlink(path_of("gone")));
	int both = MUST(open(path_of("both"), O_RDONLY));
	put_text(path_of("linked"), "linked");
	int linked = MUST(open(path_of("linked"), O_RDONLY));
	MUST(link(path_of("linked"), path_of("other")));
	MUST(unlink(path_of("linked")));
	pid_t deeper = fork_as(2);
	if (deeper == 0)
		go_deeper(own);
	pid_t returned = fork_as(3);
	if (returned == 0)
		return_to(root, own);
	pid_t sandboxed = fork_as(4);
	if (sandboxed == 0)
		live_in_sandbox(outer);
	pid_t jailed = fork_as(5);
	if (jailed == 0)
		live_in_jail();
	await_file("deeper");
	await_file("returned");
	await_file("sandboxed");
	put_text(path_of("nested"), "");

	await_file("mounted");
	char text[64] = "";
	struct stat state;
	CHECK(is_mounted(path_of("t/point")) && is_mounted(path_of("p/point")));
	CHECK(mount("new", path_of("t/other"), "tmpfs", 0, NULL) == 0);
	CHECK(mount("new", path_of("p/other"), "tmpfs", 0, NULL) == 0);
	CHECK(access(path_of("t/tmp/private"), F_OK) == 0);
	CHECK(pread(outer, text, 6, 0) == 6 && strcmp(text, "shared") == 0);
	CHECK(strcmp(mapped, "its own") == 0 && pread(gone, text, 6, 0) == 5);
	CHECK(has_text("../file", "its own"));
	CHECK(pread(far, text, 6, 0) == 5 && strncmp(text, "ghost", 5) == 0 && access(path_of("gone"), F_OK) == -1);
	CHECK(pread(both, text, 5, 0) == 4 && strncmp(text, "both", 4) == 0 && fstat(both, &state) == 0 && state.st_nlink == 0);
	CHECK(pread(linked, text, 7, 0) == 6 && strncmp(text, "linked", 6) == 0);
	CHECK(fstat(linked, &state) == 0 && state.st_nlink == 1);
	CHECK(open(path_of("one/new"), O_WRONLY | O_CREAT, 0600) == -1 && errno == EROFS);
	CHECK((flags_of("..") & (ST_NOSUID | ST_NOEXEC)) == ST_NOSUID);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(pwrite(own, "i", 1, 0) == 1 && read(notify, text, sizeof(text)) > 0);
	*may_end = true;
	join_child(jailed);
	join_child(sandboxed);
	join_child(deeper);
	join_child(returned);
	end_child();
}

PROGRAM(nested_mounts)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		static const char *const names[] = {"t", "p", "u", "one", "sandbox"};
		for (int index = 0; index < 5; index++)
			make_directory(path_of(names[index]));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		MUST(mount(NULL, path_of("t"), NULL, MS_SHARED, NULL));
		MUST(mount("p", path_of("p"), "tmpfs", 0, NULL));
		MUST(mount(NULL, path_of("p"), NULL, MS_SHARED, NULL));
		static const char *const inside[] = {"t/private", "t/tmp", "t/point", "t/other", "p/point", "p/other"};
		for (int index = 0; index < 6; index++)
			make_directory(path_of(inside[index]));
		make_owned(path_of("t/private/private"), "");
		make_owned(path_of("t/file"), "shared");
		run_inside(own_executable(), "nested_mounts");
	}
	may_end = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int outer = MUST(open(path_of("t/file"), O_RDONLY));
	put_text(path_of("both"), "");
	int both = MUST(open(path_of("both"), O_RDWR));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(both);
		live_nested(outer);
	}
	await_file("nested");
	MUST(unlink(path_of("both")));
	MUST(write(both, "both", 4));
	ready_and_wait();
	CHECK(mount("new", path_of("t/point"), "tmpfs", 0, NULL) == 0);
	CHECK(mount("new", path_of("p/point"), "tmpfs", 0, NULL) == 0);
	put_text(path_of("mounted"), "");
	join_child(child);
	CHECK(!is_mounted(path_of("t/other")) && is_mounted(path_of("p/other")) && !is_mounted(path_of("t/tmp")));
	CHECK(access(path_of("u/file"), F_OK) == -1);
}

/* Whether a mount namespace that is open is the one of a task. */
static bool is_of(int fd, pid_t pid)
{
	struct stat one = {0}, other = {0};
	int own = open_namespace_of(pid, "mnt");
	CHECK(fstat(fd, &one) == 0 && fstat(own, &other) == 0);
	close(own);
	return one.st_ino == other.st_ino;
}

static pid_t start_with_mounts(int number, const char *text)
{
	pid_t child = fork_as(number);
	if (child != 0)
		return child;
	MUST(unshare(CLONE_NEWNS));
	MUST(mount("own", path_of("u"), "tmpfs", 0, "size=64k"));
	make_owned(path_of("u/file"), text);
	int outer = open_namespace_of(getppid(), "mnt"), own = open_namespace_of(getpid(), "mnt");
	put_text(path_of(text), "");
	await_file("checked");
	CHECK(is_of(outer, getppid()) && is_of(own, getpid()) && !is_of(own, getppid()));
	CHECK(setns(outer, CLONE_NEWNS) == 0 && access(path_of("u/file"), F_OK) == -1);
	CHECK(setns(own, CLONE_NEWNS) == 0 && has_text(path_of("u/file"), text));
	end_child();
}

/* As who looks after services has them: the mount namespaces of its children are open, and theirs for these. */
PROGRAM(kept_mounts)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("u"));
		run_inside(own_executable(), "kept_mounts");
	}
	pid_t one = start_with_mounts(1, "one"), other = start_with_mounts(2, "other");
	await_file("one");
	await_file("other");
	int of_one = open_namespace_of(one, "mnt"), of_other = open_namespace_of(other, "mnt");
	int again = open_namespace_of(other, "mnt"), own = open_namespace_of(getpid(), "mnt");
	ready_and_wait();
	CHECK(is_of(of_one, one) && is_of(of_other, other) && is_of(again, other) && is_of(own, getpid()));
	CHECK(setns(of_other, CLONE_NEWNS) == 0 && has_text(path_of("u/file"), "other"));
	CHECK(setns(of_one, CLONE_NEWNS) == 0 && has_text(path_of("u/file"), "one"));
	CHECK(setns(own, CLONE_NEWNS) == 0 && access(path_of("u/file"), F_OK) == -1);
	put_text(path_of("checked"), "");
	join_child(one);
	join_child(other);
}

static bool shows_device(const char *name)
{
	char path[100];
	snprintf(path, sizeof(path), "sys/class/net/%s", name);
	return access(path_of(path), F_OK) == 0;
}

/* As services without a network have it: a file system of their own that shows the devices of theirs. */
static void live_without_network(void)
{
	MUST(unshare(CLONE_NEWNS | CLONE_NEWNET));
	MUST(mount("sysfs", path_of("sys"), "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	MUST(system("ip link add cgrown type bridge"));
	MUST(shows_device("cgrown") ? 0 : -1);
	put_text(path_of("nested"), "");
	await_file("checked");
	CHECK(shows_device("lo") && shows_device("cgrown") && !shows_device("cgrouter"));
	CHECK(if_nametoindex("cgrown") != 0 && if_nametoindex("cgrouter") == 0);
	end_child();
}

PROGRAM(nested_networks)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("sys"));
		MUST(unshare(CLONE_NEWNET));
		MUST(mount("sysfs", path_of("sys"), "sysfs", 0, NULL));
		run_inside(own_executable(), "nested_networks");
	}
	MUST(system("ip link add cgrouter type bridge"));
	pid_t child = fork_as(1);
	if (child == 0)
		live_without_network();
	await_file("nested");
	ready_and_wait();
	CHECK(shows_device("lo") && shows_device("cgrouter") && !shows_device("cgrown"));
	put_text(path_of("checked"), "");
	join_child(child);
}
