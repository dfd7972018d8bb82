/* Mount namespaces. CRIU dumps a task only whose files are all on mounts of its own: so these run again inside. */
#include "memory.h"
#include "own_mounts.h"
#include <linux/aio_abi.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

/* In the environment of a program that is inside. */
#define INSIDE "HOLDER_IS_INSIDE"

bool is_inside(void)
{
	return getenv(INSIDE) != NULL;
}

void run_inside(const char *executable, const char *program)
{
	MUST(setenv(INSIDE, "1", 1));
	MUST(close_range(0, ~0U, 0));
	MUST(open("/dev/null", O_RDWR));
	MUST(dup(0));
	MUST(open(path_of("err"), O_WRONLY | O_CREAT | O_APPEND, 0644));
	MUST(chdir("/"));
	MUST(execl(executable, "holder", program, directory, NULL));
}

const char *own_executable(void)
{
	static char path[4096];
	path[MUST(readlink("/proc/self/exe", path, sizeof(path) - 1))] = '\0';
	return path;
}

void make_directory(const char *path)
{
	MUST(mkdir(path, 0755) == -1 && errno != EEXIST ? -1 : 0);
}

void make_own_mounts(unsigned long propagation)
{
	MUST(unshare(CLONE_NEWNS));
	MUST(mount("none", "/", NULL, MS_REC | propagation, NULL));
}

void leave_mounts(unsigned long propagation)
{
	static char lines[200][512];
	int count = 0;
	make_own_mounts(propagation);
	FILE *mounts = fopen("/proc/self/mountinfo", "r");
	while (count < 200 && fscanf(mounts, "%*s %*s %*s %*s %511s%*[^\n]", lines[count]) == 1)
		count++;
	fclose(mounts);
	while (count-- > 0) {
		const char *point = lines[count];
		bool has_directory = strncmp(directory, point, strlen(point)) == 0;
		if (strcmp(point, "/proc") != 0 && strcmp(point, "/dev") != 0 && !has_directory)
			umount2(point, MNT_DETACH);
	}
}

void make_owned(const char *path, const char *text)
{
	int fd = MUST(open(path, O_WRONLY | O_CREAT | O_EXCL, 0640));
	MUST(write(fd, text, strlen(text)));
	MUST(fchown(fd, 12, 34));
	close(fd);
}

void await_file(const char *name)
{
	while (access(path_of(name), F_OK) == -1)
		sleep_ms(5);
}

unsigned long flags_of(const char *path)
{
	struct statvfs state = {0};
	CHECK(statvfs(path, &state) == 0);
	return state.f_flag;
}

/* Runs the program again, in a mount namespace of its own with a tmpfs at "t", unless it is there already. */
static void run_in_tmpfs(const char *program, unsigned long flags, const char *options)
{
	if (is_inside())
		return;
	leave_mounts(MS_PRIVATE);
	make_directory(path_of("t"));
	MUST(mount("own", path_of("t"), "tmpfs", flags, options));
	run_inside(own_executable(), program);
}

/* A tmpfs with files of all kinds, in which a task works; open, mapped, and without a name. */
PROGRAM(mounts_tmpfs)
{
	run_in_tmpfs("mounts_tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, "size=4m,mode=0711");
	make_owned(path_of("t/file"), "content");
	make_directory(path_of("t/dir"));
	MUST(mkdir(path_of("t/dir/deep"), 0700));
	make_owned(path_of("t/dir/deep/a name that is so long that it has no room in the header of an archive, which has 100 "
			  "bytes for it"),
		  "long");
	MUST(symlink("../file", path_of("t/dir/link")));
	MUST(link(path_of("t/file"), path_of("t/dir/second")));
	MUST(mkfifo(path_of("t/fifo"), 0600));
	MUST(mknod(path_of("t/device"), S_IFCHR | 0600, makedev(1, 3)));
	int holes = MUST(open(path_of("t/holes"), O_RDWR | O_CREAT, 0600));
	MUST(pwrite(holes, "end", 3, 1 << 20));
	MUST(ftruncate(holes, 3 << 20));
	int file = MUST(open(path_of("t/file"), O_RDWR));
	MUST(lseek(file, 3, SEEK_SET));
	int gone = MUST(open(path_of("t/gone"), O_RDWR | O_CREAT, 0600));
	MUST(write(gone, "ghost", 5));
	MUST(unlink(path_of("t/gone")));
	char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, holes, 1 << 20);
	MUST(chdir(path_of("t/dir")));

	ready_and_wait();

	struct stat first, second;
	CHECK(has_text("../file", "content") && has_text("link", "content"));
	CHECK(stat("../file", &first) == 0 && stat("second", &second) == 0 && first.st_ino == second.st_ino);
	CHECK(first.st_uid == 12 && first.st_gid == 34 && (first.st_mode & 07777) == 0640);
	CHECK(lseek(file, 0, SEEK_CUR) == 3 && fstat(file, &second) == 0 && second.st_ino == first.st_ino);
	CHECK(lstat("../device", &first) == 0 && first.st_rdev == makedev(1, 3) && S_ISCHR(first.st_mode));
	CHECK(lstat("../fifo", &first) == 0 && S_ISFIFO(first.st_mode));
	CHECK(strcmp(mapped, "end") == 0 && fstat(holes, &first) == 0 && first.st_size == 3 << 20);
	CHECK(first.st_blocks * 512 < 1 << 20);
	char text[6] = "";
	CHECK(pread(gone, text, 5, 0) == 5 && strcmp(text, "ghost") == 0);
	CHECK((flags_of("..") & (ST_NOSUID | ST_NODEV | ST_NOATIME | ST_RDONLY)) == (ST_NOSUID | ST_NODEV | ST_NOATIME));
	CHECK(stat("..", &first) == 0 && (first.st_mode & 07777) == 0711);
	struct statvfs state;
	CHECK(statvfs("..", &state) == 0 && state.f_blocks * state.f_frsize == 4 << 20);
}

/* What is in memory without being mapped: in a tmpfs, also without a name there, in a segment of System V, in a memfd. */
PROGRAM(memory_of_files)
{
	if (!is_inside())
		MUST(unshare(CLONE_NEWIPC));
	run_in_tmpfs("memory_of_files", 0, "size=64m");
	close(make_file("t/file", 32 * MIB, 1));
	int ghost = make_file("t/gone", 16 * MIB, 2), memory = MUST(memfd_create("unmapped", 0));
	MUST(unlink(path_of("t/gone")));
	int segment = MUST(shmget(IPC_PRIVATE, 16 * MIB, 0600));
	void *attached = shmat(segment, NULL, 0);
	fill(attached, 16 * MIB, 3);
	MUST(shmdt(attached));
	MUST(ftruncate(memory, 16 * MIB));
	void *mapped = map(NULL, 16 * MIB, RW, MAP_SHARED, memory, 0);
	fill(mapped, 16 * MIB, 4);
	MUST(munmap(mapped, 16 * MIB));

	ready_and_wait();

	int file = MUST(open(path_of("t/file"), O_RDONLY));
	CHECK(is_filled(map(NULL, 32 * MIB, PROT_READ, MAP_PRIVATE, file, 0), 32 * MIB, 1));
	CHECK(is_filled(map(NULL, 16 * MIB, PROT_READ, MAP_PRIVATE, ghost, 0), 16 * MIB, 2));
	CHECK(is_filled(shmat(segment, NULL, SHM_RDONLY), 16 * MIB, 3));
	CHECK(is_filled(map(NULL, 16 * MIB, PROT_READ, MAP_PRIVATE, memory, 0), 16 * MIB, 4));
}

/* Two tasks with a mount namespace of their own, of which nobody has a pid namespace. */
PROGRAM(mounts_shared_by_two)
{
	run_in_tmpfs("mounts_shared_by_two", 0, "size=1m");
	put_text(path_of("t/file"), "content");
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(has_text(path_of("t/file"), "content"));
		end_child();
	}
	ready_and_wait();
	join_child(child);
}

/* A tmpfs with so much that cannot be compressed that its image is larger than others are. */
PROGRAM(mounts_large)
{
	run_in_tmpfs("mounts_large", 0, "size=80m");
	int file = make_file("t/file", 72 * MIB, 1);

	ready_and_wait();

	CHECK(is_filled(map(NULL, 72 * MIB, PROT_READ, MAP_SHARED, file, 0), 72 * MIB, 1));
}

/* Parts of the root and of a tmpfs, for reading only and not; one below what another one covers. */
PROGRAM(mounts_parts)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("read"));
		make_directory(path_of("cover"));
		make_directory(path_of("cover/below"));
		make_owned(path_of("cover/below/file"), "below");
		make_directory(path_of("t"));
		make_directory(path_of("part"));
		make_owned(path_of("one"), "");
		make_owned(path_of("other"), "other");
		MUST(mount(path_of("cover"), path_of("read"), NULL, MS_BIND, NULL));
		MUST(mount(NULL, path_of("read"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOEXEC, NULL));
		MUST(mount("below", path_of("cover/below"), "tmpfs", 0, NULL));
		make_owned(path_of("cover/below/hidden"), "hidden");
		MUST(mount("over", path_of("cover"), "tmpfs", 0, NULL));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/sub"));
		make_owned(path_of("t/sub/file"), "of the part");
		MUST(mount(path_of("t/sub"), path_of("part"), NULL, MS_BIND, NULL));
		MUST(mount(NULL, path_of("t"), NULL, MS_REMOUNT | MS_RDONLY, NULL));
		MUST(mount(path_of("other"), path_of("one"), NULL, MS_BIND, NULL));
		run_inside(own_executable(), "mounts_parts");
	}
	int file = MUST(open(path_of("part/file"), O_RDONLY));
	ready_and_wait();
	CHECK(has_text(path_of("one"), "other"));
	CHECK(has_text(path_of("part/file"), "of the part"));
	CHECK(has_text(path_of("read/below/file"), "below"));
	CHECK(access(path_of("cover/below"), F_OK) == -1 && errno == ENOENT);
	CHECK(open(path_of("read/new"), O_WRONLY | O_CREAT, 0600) == -1 && errno == EROFS);
	CHECK((flags_of(path_of("read")) & (ST_RDONLY | ST_NOEXEC)) == (ST_RDONLY | ST_NOEXEC));
	CHECK((flags_of(path_of("t")) & ST_RDONLY) != 0);
	CHECK(open(path_of("part/new"), O_WRONLY | O_CREAT, 0600) == -1 && errno == EROFS);
	struct stat here, there;
	CHECK(fstat(file, &here) == 0 && stat(path_of("t/sub/file"), &there) == 0 && here.st_ino == there.st_ino);
	CHECK(umount(path_of("cover")) == 0);
	CHECK(has_text(path_of("cover/below/hidden"), "hidden"));
}

static void mount_directory(const char *what, const char *where)
{
	make_directory(path_of(where));
	make_directory(path_of(what));
	MUST(mount(path_of(what), path_of(where), NULL, MS_BIND, NULL));
}

static bool is_removed(const char *path)
{
	struct stat state = {0};
	return stat(path_of(path), &state) == 0 && state.st_nlink == 0 && S_ISDIR(state.st_mode) &&
	       chdir(path_of(path)) == 0 && mkdir("new", 0700) == -1 && errno == ENOENT;
}

/* Directories that nothing but mounts shows any more, where nothing can be made. */
PROGRAM(mounts_removed)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		mount_directory("gone", "one");
		mount_directory("gone", "again");
		MUST(rmdir(path_of("gone")));
		MUST(mount(NULL, path_of("one"), NULL, MS_BIND | MS_REMOUNT | MS_NOEXEC, NULL));
		make_directory(path_of("t"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/sub"));
		mount_directory("t/sub/gone", "other");
		mount_directory("t/sub/gone/below", "below");
		MUST(rmdir(path_of("t/sub/gone/below")));
		MUST(rmdir(path_of("t/sub/gone")));
		MUST(mount(NULL, path_of("t"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
		run_inside(own_executable(), "mounts_removed");
	}
	ready_and_wait();
	CHECK(is_removed("one") && (flags_of(path_of("one")) & ST_NOEXEC) != 0);
	CHECK(is_removed("below") && is_removed("other") && access(path_of("t/sub/gone"), F_OK) == -1);
	struct stat one, again;
	CHECK(stat(path_of("one"), &one) == 0 && stat(path_of("again"), &again) == 0 && one.st_ino == again.st_ino);
	CHECK(is_removed("again") && access(path_of("gone"), F_OK) == -1);
	CHECK((flags_of(path_of("t")) & ST_RDONLY) != 0);
	MUST(chdir("/"));
	CHECK(umount(path_of("other")) == 0);
}

static void mount_file(const char *what, const char *where, const char *text)
{
	close(MUST(open(path_of(where), O_WRONLY | O_CREAT, 0600)));
	if (access(path_of(what), F_OK) == -1)
		make_owned(path_of(what), text);
	MUST(mount(path_of(what), path_of(where), NULL, MS_BIND, NULL));
}

/* What was in the file is lost. */
static bool is_empty_file(const char *path)
{
	struct stat state = {0};
	return stat(path, &state) == 0 && S_ISREG(state.st_mode) && state.st_nlink == 0 && state.st_size == 0;
}

/* Files that nothing but mounts shows any more, with directories above them that are gone as well. */
PROGRAM(mounts_removed_files)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		mount_file("gone", "one", "text");
		mount_file("gone", "again", "text");
		MUST(unlink(path_of("gone")));
		make_directory(path_of("t"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/sub"));
		mount_directory("t/sub/gone", "directory");
		mount_file("t/sub/gone/file", "other", "");
		MUST(unlink(path_of("t/sub/gone/file")));
		MUST(rmdir(path_of("t/sub/gone")));
		/* As systemd-nspawn hides what is in there. */
		make_owned(path_of("t/hiding"), "0.00 0.00\n");
		MUST(mount(path_of("t/hiding"), "/proc/uptime", NULL, MS_BIND, NULL));
		MUST(unlink(path_of("t/hiding")));
		run_inside(own_executable(), "mounts_removed_files");
	}
	ready_and_wait();
	CHECK(is_empty_file(path_of("one")) && is_empty_file(path_of("other")) && is_removed("directory"));
	CHECK(is_empty_file("/proc/uptime"));
	CHECK(access(path_of("gone"), F_OK) == -1 && access(path_of("t/sub/gone"), F_OK) == -1);
	int fd = open(path_of("one"), O_WRONLY);
	CHECK(write(fd, "new", 3) == 3 && has_text(path_of("again"), "new") && close(fd) == 0);
	MUST(chdir("/"));
	CHECK(umount(path_of("one")) == 0);
}

bool is_mounted(const char *path)
{
	struct stat here, above;
	char parent[512];
	snprintf(parent, sizeof(parent), "%s/..", path);
	return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

/* Peers, one that only receives from them, one that does and has peers of its own; one that cannot be bound. */
PROGRAM(mounts_shared)
{
	static const char *const names[] = {"a", "b", "slave", "both", "private", "unbindable"};
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		for (int index = 0; index < 6; index++)
			make_directory(path_of(names[index]));
		MUST(mount("shared", path_of("a"), "tmpfs", 0, NULL));
		MUST(mkdir(path_of("a/point"), 0755));
		MUST(mount(NULL, path_of("a"), NULL, MS_SHARED, NULL));
		for (int index = 1; index < 5; index++)
			MUST(mount(path_of("a"), path_of(names[index]), NULL, MS_BIND, NULL));
		MUST(mount(NULL, path_of("slave"), NULL, MS_SLAVE, NULL));
		MUST(mount(NULL, path_of("both"), NULL, MS_SLAVE, NULL));
		MUST(mount(NULL, path_of("both"), NULL, MS_SHARED, NULL));
		MUST(mount(NULL, path_of("private"), NULL, MS_PRIVATE, NULL));
		MUST(mount("unbindable", path_of("unbindable"), "tmpfs", 0, NULL));
		MUST(mount(NULL, path_of("unbindable"), NULL, MS_UNBINDABLE, NULL));
		run_inside(own_executable(), "mounts_shared");
	}
	ready_and_wait();
	CHECK(mount("new", path_of("b/point"), "tmpfs", 0, NULL) == 0);
	CHECK(is_mounted(path_of("a/point")) && is_mounted(path_of("slave/point")) && is_mounted(path_of("both/point")));
	CHECK(!is_mounted(path_of("private/point")));
	CHECK(umount(path_of("a/point")) == 0);
	CHECK(!is_mounted(path_of("b/point")) && !is_mounted(path_of("slave/point")));
	CHECK(mount("new", path_of("slave/point"), "tmpfs", 0, NULL) == 0 && !is_mounted(path_of("a/point")));
	CHECK(mount(path_of("unbindable"), path_of("private"), NULL, MS_BIND, NULL) == -1 && errno == EINVAL);
}

void make_directories(const char *path)
{
	char above[1024];
	for (const char *end = strchr(path + 1, '/'); end != NULL; end = strchr(end + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(end - path), path);
		make_directory(above);
	}
	make_directory(path);
}

void copy_file(const char *from, const char *to)
{
	struct stat state;
	int source = MUST(open(from, O_RDONLY));
	int target = MUST(open(to, O_WRONLY | O_CREAT, 0755));
	MUST(fstat(source, &state));
	while (MUST(copy_file_range(source, NULL, target, NULL, state.st_size, 0)) > 0)
		;
	close(source);
	close(target);
}

/* What a root directory needs; the program's own directory is at the same place inside. */
static void make_root(const char *root)
{
	static const char *const names[] = {"proc", "dev", "sys", "data", "tmp"};
	char path[1024];
	snprintf(path, sizeof(path), "%s%s", root, directory);
	make_directories(path);
	for (int index = 0; index < 5; index++) {
		snprintf(path, sizeof(path), "%s/%s", root, names[index]);
		make_directory(path);
	}
	snprintf(path, sizeof(path), "%s/holder", root);
	copy_file(own_executable(), path);
	snprintf(path, sizeof(path), "%s/own", root);
	make_owned(path, "of the root");
}

/* Goes into a root of its own, with file systems as containers have them, and two directories from outside. */
static void enter_root(void)
{
	char bound[512];
	make_own_mounts(MS_PRIVATE);
	char root[256];
	snprintf(root, sizeof(root), "%s/root", directory);
	make_root(root);
	make_directory(path_of("data"));
	make_owned(path_of("data/file"), "from outside");
	MUST(mount(root, root, NULL, MS_BIND, NULL));
	/* The directory of the program is at the same place inside. */
	snprintf(bound, sizeof(bound), "%s%s", root, directory);
	MUST(mount(directory, bound, NULL, MS_BIND, NULL));
	MUST(mount(path_of("data"), path_of("root/data"), NULL, MS_BIND, NULL));
	MUST(mount(NULL, path_of("root/data"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	MUST(mount("proc", path_of("root/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	MUST(mount("dev", path_of("root/dev"), "tmpfs", MS_NOSUID, "mode=755"));
	MUST(mknod(path_of("root/dev/null"), S_IFCHR | 0666, makedev(1, 3)));
	make_directory(path_of("root/dev/mqueue"));
	MUST(mount("mqueue", path_of("root/dev/mqueue"), "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	make_directory(path_of("root/dev/pts"));
	MUST(mount("devpts", path_of("root/dev/pts"), "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"));
	MUST(mount("sysfs", path_of("root/sys"), "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	/* What a container hides, and keeps from being written. */
	MUST(mount(path_of("root/dev/null"), path_of("root/proc/uptime"), NULL, MS_BIND, NULL));
	MUST(mount(path_of("root/proc/sys"), path_of("root/proc/sys"), NULL, MS_BIND, NULL));
	MUST(mount(NULL, path_of("root/proc/sys"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	MUST(mount("none", path_of("root/proc/bus"), "tmpfs", MS_RDONLY, "size=0k"));
	MUST(chdir(root));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
}

/* A root of its own. */
PROGRAM(mounts_root)
{
	if (!is_inside()) {
		enter_root();
		run_inside("/holder", "mounts_root");
	}
	MUST(chdir("/data"));
	int file = MUST(open("file", O_RDONLY));
	int null = MUST(open("/dev/null", O_WRONLY));
	ready_and_wait();
	struct stat one, other;
	CHECK(has_text("/data/file", "from outside") && has_text("/own", "of the root"));
	CHECK(fstat(file, &one) == 0 && stat("/data/file", &other) == 0 && one.st_ino == other.st_ino);
	CHECK(write(null, "x", 1) == 1 && access("/dev/pts/ptmx", F_OK) == 0);
	CHECK(access("/etc", F_OK) == -1 && errno == ENOENT);
	CHECK((flags_of("/data") & ST_RDONLY) != 0 && (flags_of("/sys") & ST_RDONLY) != 0);
	CHECK(has_text("/proc/uptime", "") && access("/proc/bus/pci", F_OK) == -1);
	CHECK((flags_of("/proc/sys") & ST_RDONLY) != 0 && (flags_of("/proc") & ST_RDONLY) == 0);
	char name[64] = "";
	CHECK(readlink("/proc/self/exe", name, sizeof(name)) == 7 && strcmp(name, "/holder") == 0);
}

/* A request that is done, below a root where there are no images. */
PROGRAM(mounts_ring)
{
	if (!is_inside()) {
		enter_root();
		run_inside("/holder", "mounts_ring");
	}
	aio_context_t context = 0;
	struct io_event event;
	MUST(syscall(SYS_io_setup, 4, &context));
	struct iocb request = {
		.aio_data = 5,
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = MUST(open("/dev/null", O_WRONLY)),
		.aio_buf = (uintptr_t)"text",
		.aio_nbytes = 4,
	};
	struct iocb *list[] = {&request};
	MUST(syscall(SYS_io_submit, context, 1L, list));
	ready_and_wait();
	CHECK(syscall(SYS_io_getevents, context, 0L, 1L, &event, NULL) == 1 && event.data == 5 && event.res == 4);
}

/* The console by a name that is only in its root. */
PROGRAM(mounts_console)
{
	if (!is_inside()) {
		enter_root();
		run_inside("/holder", "mounts_console");
	}
	MUST(mknod("/dev/terminal", S_IFCHR | 0600, makedev(5, 1)));
	int console = MUST(open("/dev/terminal", O_WRONLY | O_NOCTTY));
	ready_and_wait();
	struct stat state;
	CHECK(isatty(console) && fstat(console, &state) == 0 && state.st_rdev == makedev(5, 1));
}

/* As the first process of a pid namespace, which sees itself in a file system of its own. */
PROGRAM(mounts_pids)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		MUST(setsid());
		MUST(mount("proc", "/proc", "proc", MS_NOSUID, NULL));
		run_inside(own_executable(), "mounts_pids");
	}
	int own = MUST(open("/proc/self/status", O_RDONLY));
	ready_and_wait();
	char found[64] = "";
	CHECK(getpid() == 1 && readlink("/proc/self", found, sizeof(found)) == 1 && found[0] == '1');
	CHECK(read(own, found, 16) == 16 && strncmp(found, "Name:", 5) == 0);
	CHECK((flags_of("/proc") & ST_NOSUID) != 0);
}

/* What a container is: the first process of a pid namespace, in namespaces of all kinds, with a child. */
PROGRAM(container)
{
	if (!is_inside()) {
		enter_root();
		MUST(setsid());
		MUST(sethostname("cgr-container", 13));
		run_inside("/holder", "container");
	}
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/socket"};
	int tcp = MUST(socket(AF_INET, SOCK_STREAM, 0)), local = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(ioctl(tcp, SIOCSIFFLAGS, &loopback));
	MUST(bind(tcp, (struct sockaddr *)&port, sizeof(port)));
	MUST(bind(local, (struct sockaddr *)&name, sizeof(name)));
	MUST(listen(tcp, 1));
	MUST(listen(local, 1));
	int segment = MUST(shmget(7, 4096, IPC_CREAT | 0600));
	char *shared = shmat(segment, NULL, 0);
	strcpy(shared, "shared");
	int gone = MUST(open("/dev/gone", O_RDWR | O_CREAT, 0600));
	MUST(write(gone, "gone", 4));
	MUST(unlink("/dev/gone"));
	pid_t child = MUST(fork());
	if (child == 0) {
		/* As a service with a directory of its own for temporary files. */
		make_own_mounts(MS_SLAVE);
		MUST(mount("private", "/tmp", "tmpfs", 0, NULL));
		make_owned("/tmp/private", "private");
		for (;;)
			pause();
	}
	char found[64] = "", proc[64], private[64];
	snprintf(private, sizeof(private), "/proc/%d/root/tmp/private", child);
	while (!has_text(private, "private"))
		sleep_ms(5);
	ready_and_wait();
	snprintf(proc, sizeof(proc), "/proc/%d/status", child);
	CHECK(has_text(private, "private") && access("/tmp/private", F_OK) == -1);
	CHECK(getpid() == 1 && kill(child, 0) == 0 && access(proc, R_OK) == 0);
	CHECK(gethostname(found, sizeof(found)) == 0 && strcmp(found, "cgr-container") == 0);
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&port, sizeof(port)) == 0);
	CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(strcmp(shared, "shared") == 0 && shmget(7, 4096, 0600) == segment);
	CHECK(pread(gone, found, 5, 0) == 4 && strncmp(found, "gone", 4) == 0);
	int status = 0;
	CHECK(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
}

/* Files of other kinds that have names in file systems of the tasks' own. */
PROGRAM(mounts_files)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("t"));
		make_directory(path_of("pts"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		MUST(mount("devpts", path_of("pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=620"));
		make_owned(path_of("t/watched"), "");
		run_inside(own_executable(), "mounts_files");
	}
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of("t/socket"));
	int socket_fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(socket_fd, (struct sockaddr *)&address, sizeof(address)));
	MUST(listen(socket_fd, 5));
	int notify = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(notify, path_of("t/watched"), IN_MODIFY));
	int marked = MUST(fanotify_init(FAN_NONBLOCK, O_RDONLY));
	MUST(fanotify_mark(marked, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_MODIFY, AT_FDCWD, path_of("t")));
	int master = MUST(open(path_of("pts/ptmx"), O_RDWR | O_NOCTTY));
	MUST(ioctl(master, TIOCSPTLCK, &(int){0}));
	int slave = MUST(open(path_of("pts/0"), O_RDWR | O_NOCTTY));
	int locked = MUST(open(path_of("t/watched"), O_RDWR));
	MUST(flock(locked, LOCK_EX));

	ready_and_wait();

	char text[512] = "";
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(write(locked, "x", 1) == 1 && read(notify, text, sizeof(text)) > 0 && read(marked, text, sizeof(text)) > 0);
	CHECK(write(slave, "out", 3) == 3 && read(master, text, 3) == 3 && strncmp(text, "out", 3) == 0);
	struct stat open_one, named;
	CHECK(fstat(slave, &open_one) == 0 && stat(path_of("pts/0"), &named) == 0 && open_one.st_dev == named.st_dev);
	int other = open(path_of("t/watched"), O_RDWR);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
}

/* Files without names in what has become read-only, and below it. */
PROGRAM(mounts_read_only)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("t"));
		make_directory(path_of("part"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/dir"));
		MUST(mount(path_of("t/dir"), path_of("part"), NULL, MS_BIND, NULL));
		run_inside(own_executable(), "mounts_read_only");
	}
	make_directory(path_of("part/deep"));
	const char *const names[] = {"part/gone", "part/deep/gone"};
	int files[2];
	for (int i = 0; i < 2; i++) {
		make_owned(path_of(names[i]), "ghost");
		files[i] = MUST(open(path_of(names[i]), O_RDONLY));
		MUST(unlink(path_of(names[i])));
	}
	MUST(rmdir(path_of("part/deep")));
	MUST(mount(NULL, path_of("part"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));

	ready_and_wait();

	char text[6] = "";
	for (int i = 0; i < 2; i++)
		CHECK(pread(files[i], text, 5, 0) == 5 && strcmp(text, "ghost") == 0);
	CHECK((flags_of(path_of("part")) & (ST_RDONLY | ST_NOSUID)) == (ST_RDONLY | ST_NOSUID));
	CHECK((flags_of(path_of("t")) & ST_RDONLY) == 0 && access(path_of("t/dir/gone"), F_OK) == -1);
}

/* File systems of which a kernel has only one, as far as it has them. */
PROGRAM(mounts_single)
{
	static const char *const types[] = {"binfmt_misc", "debugfs", "fusectl", "pstore", "securityfs"};
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		for (int index = 0; index < 5; index++) {
			make_directory(path_of(types[index]));
			if (mount("single", path_of(types[index]), types[index], MS_NOSUID | MS_NODEV, NULL) == -1)
				MUST(errno == ENODEV ? 0 : -1);
		}
		run_inside(own_executable(), "mounts_single");
	}
	struct statfs before[5], after;
	for (int index = 0; index < 5; index++)
		MUST(statfs(path_of(types[index]), &before[index]));
	MUST(chdir(path_of("securityfs")));
	ready_and_wait();
	for (int index = 0; index < 5; index++) {
		CHECK(statfs(path_of(types[index]), &after) == 0 && after.f_type == before[index].f_type);
		CHECK((after.f_flags & (ST_NOSUID | ST_NODEV)) == (before[index].f_flags & (ST_NOSUID | ST_NODEV)));
	}
}

/* Where files would have huge pages; it has none. */
PROGRAM(mounts_huge)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("huge"));
		MUST(mount("huge", path_of("huge"), "hugetlbfs", MS_NOSUID, "mode=0750,gid=34,nr_inodes=7"));
		run_inside(own_executable(), "mounts_huge");
	}
	MUST(chdir(path_of("huge")));
	ready_and_wait();
	struct stat state;
	CHECK(stat(".", &state) == 0 && (state.st_mode & 07777) == 0750 && state.st_gid == 34);
	CHECK(is_mounted(path_of("huge")) && (flags_of(".") & (ST_NOSUID | ST_NODEV)) == ST_NOSUID);
}

/* Hierarchies of cgroups, of both versions. */
PROGRAM(mounts_cgroups)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("pids"));
		make_directory(path_of("unified"));
		MUST(mount("cgroup", path_of("pids"), "cgroup", MS_NOSUID, "pids"));
		MUST(mount("cgroup2", path_of("unified"), "cgroup2", MS_RDONLY, NULL));
		run_inside(own_executable(), "mounts_cgroups");
	}
	ready_and_wait();
	CHECK(access(path_of("pids/tasks"), F_OK) == 0 && access(path_of("unified/cgroup.procs"), F_OK) == 0);
	CHECK((flags_of(path_of("unified")) & ST_RDONLY) != 0 && (flags_of(path_of("pids")) & ST_NOSUID) != 0);
}

/* The same with a cgroup namespace. */
PROGRAM(mounts_own_cgroups)
{
	if (!is_inside()) {
		MUST(unshare(CLONE_NEWCGROUP));
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("unified"));
		MUST(mount("cgroup2", path_of("unified"), "cgroup2", 0, NULL));
		run_inside(own_executable(), "mounts_own_cgroups");
	}
	ready_and_wait();
	CHECK(access(path_of("unified/cgroup.procs"), F_OK) == 0);
}

/* Mounts that receive what is mounted in the namespace from which they come. */
PROGRAM(mounts_following)
{
	if (!is_inside()) {
		leave_mounts(MS_SLAVE);
		run_inside(own_executable(), "mounts_following");
	}
	ready_and_wait();
	char text[4096] = "";
	int fd = open("/proc/self/mountinfo", O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	int count = 0;
	for (const char *at = strstr(text, " master:"); at != NULL; at = strstr(at + 1, " master:"))
		count++;
	CHECK(count == 3);
}

/* As few mounts as there can be, and a child. */
PROGRAM(mounts_several)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("t"));
		make_directory(path_of("part"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_owned(path_of("t/file"), "content");
		MUST(mount(NULL, path_of("t"), NULL, MS_SHARED, NULL));
		MUST(mount(path_of("t"), path_of("part"), NULL, MS_BIND, NULL));
		MUST(mount(NULL, path_of("part"), NULL, MS_SLAVE, NULL));
		run_inside(own_executable(), "mounts_several");
	}
	int gone = MUST(open(path_of("t/gone"), O_RDWR | O_CREAT, 0600));
	MUST(unlink(path_of("t/gone")));
	make_owned(path_of("part/gone"), "ghost");
	int unwritable = MUST(open(path_of("part/gone"), O_RDONLY));
	MUST(unlink(path_of("part/gone")));
	MUST(mount(NULL, path_of("part"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(has_text(path_of("part/file"), "content"));
		end_child();
	}
	ready_and_wait();
	join_child(child);
	char text[6] = "";
	CHECK(read(unwritable, text, 5) == 5 && strcmp(text, "ghost") == 0);
	CHECK(write(gone, "x", 1) == 1);
}
