#include "holder.h"
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

/* Opens a new file, writes to it, and takes its name away. */
static int unlinked(const char *name, const char *text)
{
	int fd = MUST(open(path_of(name), O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(write(fd, text, strlen(text)));
	MUST(unlink(path_of(name)));
	return fd;
}

static bool has(int fd, off_t offset, const char *text)
{
	char found[64] = "";
	size_t length = strlen(text);
	return pread(fd, found, length, offset) == (ssize_t)length && memcmp(found, text, length) == 0;
}

static bool is_same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A file without a name, opened several times, in several tasks, with owner, mode and times of its own. */
PROGRAM(ghost_file)
{
	const char *name = path_of("ghost");
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
	int reader = MUST(open(name, O_RDONLY));
	int appender = MUST(open(name, O_WRONLY | O_APPEND | O_NOATIME));
	int path = MUST(open(name, O_PATH));
	MUST(write(fd, "0123456789", 10));
	MUST(lseek(fd, 3, SEEK_SET));
	MUST(lseek(reader, 100, SEEK_SET));
	MUST(fchown(fd, 1234, 5678));
	MUST(fchmod(fd, 04751));
	struct timespec times[2] = {{1000000000, 123456000}, {1100000000, 654321000}};
	MUST(futimens(fd, times));
	MUST(unlink(name));
	int empty = unlinked("empty", "");
	/* Another one with the same name. */
	int second = unlinked("ghost", "second");
	pid_t child = fork_as(1);
	if (child == 0) {
		while (lseek(fd, 0, SEEK_CUR) == 3)
			sleep_ms(1);
		CHECK(has(fd, 0, "0123456789") && has(second, 0, "second"));
		end_child();
	}
	ready_and_wait();

	struct stat status;
	CHECK(fstat(fd, &status) == 0);
	CHECK(status.st_uid == 1234 && status.st_gid == 5678 && (status.st_mode & 07777) == 04751);
	CHECK(status.st_mtim.tv_sec == 1100000000 && status.st_mtim.tv_nsec == 654321000);
	CHECK(status.st_nlink == 0 && status.st_size == 10);
	CHECK(is_same_file(fd, reader) && is_same_file(fd, appender) && is_same_file(fd, path));
	CHECK(!is_same_file(fd, second) && has(second, 0, "second") && has(fd, 0, "0123456789"));
	CHECK(lseek(fd, 0, SEEK_CUR) == 3 && lseek(reader, 0, SEEK_CUR) == 100);
	CHECK(write(appender, "ab", 2) == 2 && has(reader, 8, "89ab"));
	CHECK(fstat(empty, &status) == 0 && status.st_size == 0);
	CHECK(access(path_of("ghost"), F_OK) == -1 && errno == ENOENT);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	join_child(child);
}

/* Hard links of one file, all of which have gone. */
PROGRAM(ghost_links)
{
	MUST(mkdir(path_of("dir"), 0700));
	int one = MUST(open(path_of("one"), O_RDWR | O_CREAT, 0600));
	MUST(link(path_of("one"), path_of("dir/two")));
	int two = MUST(open(path_of("dir/two"), O_RDONLY));
	MUST(write(one, "linked", 6));
	MUST(unlink(path_of("one")));
	MUST(unlink(path_of("dir/two")));
	MUST(rmdir(path_of("dir")));
	ready_and_wait();

	CHECK(is_same_file(one, two) && has(two, 0, "linked"));
	CHECK(access(path_of("one"), F_OK) == -1 && access(path_of("dir"), F_OK) == -1);
}

/* A file whose name another one has got since: the other one stays as it is. */
PROGRAM(ghost_replaced)
{
	int old = unlinked("file", "old");
	int new = MUST(open(path_of("file"), O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(write(new, "new", 3));
	ready_and_wait();

	CHECK(has(old, 0, "old") && has(new, 0, "new") && !is_same_file(old, new));
	int named = open(path_of("file"), O_RDONLY);
	CHECK(named >= 0 && is_same_file(named, new));
	CHECK(access(path_of("file.cr_link"), F_OK) == -1);
}

/* Holes at the beginning, in the middle and at the end, and nothing but a hole. */
PROGRAM(ghost_holes)
{
	int fd = unlinked("holes", "");
	MUST(pwrite(fd, "one", 3, 1 << 20));
	MUST(pwrite(fd, "two", 3, (5 << 20) + 100));
	MUST(ftruncate(fd, 9 << 20));
	int hole = unlinked("hole", "");
	MUST(ftruncate(hole, 1 << 22));
	static char block[16 << 10];
	memset(block, 'x', sizeof(block));
	int dense = unlinked("dense", "");
	MUST(write(dense, block, sizeof(block)));
	MUST(ftruncate(dense, sizeof(block) + 5));
	struct stat before;
	MUST(fstat(fd, &before));
	ready_and_wait();

	struct stat status;
	CHECK(fstat(fd, &status) == 0 && status.st_size == 9 << 20);
	CHECK(status.st_blocks == before.st_blocks);
	CHECK(has(fd, 1 << 20, "one") && has(fd, (5 << 20) + 100, "two"));
	CHECK(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	CHECK(fstat(hole, &status) == 0 && status.st_size == 1 << 22 && status.st_blocks == 0);
	static char found[sizeof(block)];
	CHECK(pread(dense, found, sizeof(found), 0) == sizeof(found) && memcmp(found, block, sizeof(found)) == 0);
	CHECK(fstat(dense, &status) == 0 && status.st_size == sizeof(block) + 5);
}

/* Directories that are gone: a working directory, one in it, and what was in them. */
PROGRAM(ghost_directories)
{
	MUST(mkdir(path_of("outer"), 0751));
	MUST(mkdir(path_of("outer/inner"), 0700));
	MUST(mkdir(path_of("outer/empty"), 0700));
	int file = MUST(open(path_of("outer/inner/file"), O_RDWR | O_CREAT, 0600));
	MUST(write(file, "inside", 6));
	int outer = MUST(open(path_of("outer"), O_RDONLY | O_DIRECTORY));
	int empty = MUST(open(path_of("outer/empty"), O_PATH | O_DIRECTORY | O_NOFOLLOW));
	MUST(chdir(path_of("outer/inner")));
	MUST(unlink(path_of("outer/inner/file")));
	MUST(rmdir(path_of("outer/inner")));
	MUST(rmdir(path_of("outer/empty")));
	MUST(rmdir(path_of("outer")));
	ready_and_wait();

	struct stat status;
	char link[512];
	CHECK(has(file, 0, "inside"));
	CHECK(fstat(outer, &status) == 0 && status.st_mode == (S_IFDIR | 0751) && status.st_nlink == 0);
	CHECK(fstat(empty, &status) == 0 && status.st_mode == (S_IFDIR | 0700) && status.st_nlink == 0);
	CHECK(readlink("/proc/self/cwd", link, sizeof(link)) > 0);
	CHECK(open("new", O_RDWR | O_CREAT, 0600) == -1 && errno == ENOENT);
	int above = open("..", O_RDONLY | O_DIRECTORY);
	CHECK(above >= 0 && is_same_file(above, outer));
	CHECK(access(path_of("outer"), F_OK) == -1);
}

/* FIFO, device and symbolic link without a name. */
PROGRAM(ghost_nodes)
{
	MUST(mknod(path_of("null"), S_IFCHR | 0640, makedev(1, 3)));
	int null = MUST(open(path_of("null"), O_RDWR));
	int again = MUST(open(path_of("null"), O_RDONLY | O_NONBLOCK));
	MUST(unlink(path_of("null")));
	MUST(symlink("to nowhere", path_of("link")));
	int link = MUST(open(path_of("link"), O_PATH | O_NOFOLLOW));
	MUST(lchown(path_of("link"), 12, 34));
	MUST(unlink(path_of("link")));
	ready_and_wait();

	char text[64];
	struct stat status;
	CHECK(write(null, "gone", 4) == 4 && read(again, text, 4) == 0);
	CHECK(fstat(null, &status) == 0 && status.st_mode == (S_IFCHR | 0640) && status.st_rdev == makedev(1, 3));
	CHECK(is_same_file(null, again));
	CHECK(readlinkat(link, "", text, sizeof(text)) == 10 && memcmp(text, "to nowhere", 10) == 0);
	CHECK(fstat(link, &status) == 0 && S_ISLNK(status.st_mode) && status.st_uid == 12 && status.st_gid == 34);
}

/* Files without a name that are mapped. */
PROGRAM(ghost_mapped)
{
	int fd = unlinked("mapped", "");
	MUST(ftruncate(fd, 3 * 4096));
	MUST(pwrite(fd, "second", 6, 4096));
	char *shared = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	char *private = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	int lone = unlinked("lone", "only mapped");
	const char *constant = mmap(NULL, 4096, PROT_READ, MAP_SHARED, lone, 0);
	CHECK(shared != MAP_FAILED && private != MAP_FAILED && constant != MAP_FAILED);
	close(lone);
	strcpy(shared + 4096, "third");
	strcpy(private, "own");
	ready_and_wait();

	CHECK(strcmp(shared, "second") == 0 && strcmp(shared + 4096, "third") == 0);
	CHECK(strcmp(private, "own") == 0 && strcmp(private + 4096, "second") == 0);
	CHECK(strcmp(constant, "only mapped") == 0);
	strcpy(shared, "changed");
	CHECK(has(fd, 4096, "changed") && strcmp(private + 4096, "changed") == 0);
	CHECK(has(fd, 0, "\0\0\0"));
}

/* A task runs a program that is gone. */
PROGRAM(ghost_program)
{
	const char *name = path_of("program");
	int from = MUST(open("/proc/self/exe", O_RDONLY));
	int to = MUST(open(name, O_WRONLY | O_CREAT, 0755));
	struct stat status;
	MUST(fstat(from, &status));
	MUST(sendfile(to, from, NULL, status.st_size));
	close(from);
	close(to);
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(execl(name, name, "ghost_program_child", directory, NULL));
	}
	while (access(path_of("child-runs"), F_OK) != 0)
		sleep_ms(1);
	MUST(unlink(path_of("program")));
	ready_and_wait();

	int code = -1;
	CHECK(waitpid(child, &code, 0) == child && code == 0);
}

PROGRAM(ghost_program_child)
{
	close(MUST(open(path_of("child-runs"), O_WRONLY | O_CREAT, 0600)));
	while (!may_go())
		sleep_ms(5);
	char link[512];
	ssize_t length = readlink("/proc/self/exe", link, sizeof(link));
	/* Its report is not that of its parent: its status counts. */
	bool is_gone = length > 10 && memcmp(link + length - 10, " (deleted)", 10) == 0;
	_exit(is_gone ? 0 : 1);
}

/* A file that was opened without a name (O_TMPFILE) can be given one. */
PROGRAM(unnamed_file)
{
	int fd = MUST(open(directory, O_TMPFILE | O_RDWR, 0640));
	MUST(write(fd, "unnamed", 7));
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = MUST(open(path, O_RDONLY));
	MUST(lseek(again, 2, SEEK_SET));
	int writer = MUST(open(directory, O_TMPFILE | O_WRONLY, 0600));
	MUST(write(writer, "other", 5));
	ready_and_wait();

	struct stat status;
	CHECK(has(fd, 0, "unnamed") && is_same_file(fd, again) && lseek(again, 0, SEEK_CUR) == 2);
	CHECK(fstat(fd, &status) == 0 && status.st_mode == (S_IFREG | 0640) && status.st_nlink == 0);
	CHECK((fcntl(fd, F_GETFL) & O_TMPFILE) == O_TMPFILE && (fcntl(again, F_GETFL) & O_TMPFILE) == 0);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, path_of("named"), AT_SYMLINK_FOLLOW) == 0);
	int named = open(path_of("named"), O_RDONLY);
	CHECK(named >= 0 && is_same_file(named, fd));
	CHECK(lseek(writer, 0, SEEK_CUR) == 5 && pread(writer, path, 1, 0) == -1 && errno == EBADF);
}

/* Files of which one name has gone, and others remain: CRIU links them again. */
PROGRAM(linked_file)
{
	MUST(mkdir(path_of("dir"), 0700));
	int fd = MUST(open(path_of("dir/file"), O_RDWR | O_CREAT, 0600));
	int reader = MUST(open(path_of("dir/file"), O_RDONLY));
	MUST(write(fd, "linked", 6));
	MUST(lseek(fd, 2, SEEK_SET));
	MUST(link(path_of("dir/file"), path_of("other")));
	char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mapped != MAP_FAILED);
	MUST(unlink(path_of("dir/file")));
	MUST(rmdir(path_of("dir")));
	ready_and_wait();

	struct stat status;
	int other = open(path_of("other"), O_RDONLY);
	CHECK(other >= 0 && is_same_file(fd, other) && is_same_file(fd, reader));
	CHECK(lseek(fd, 0, SEEK_CUR) == 2 && has(fd, 0, "linked"));
	mapped[0] = 'L';
	CHECK(has(other, 0, "Linked"));
	CHECK(fstat(fd, &status) == 0 && status.st_nlink == 1);
	CHECK(access(path_of("dir"), F_OK) == -1);
}

/* Files in /proc of a task that has ended. */
PROGRAM(dead_task)
{
	pid_t child = fork_as(1);
	if (child == 0) {
		while (access(path_of("opened"), F_OK) != 0)
			sleep_ms(1);
		_exit(0);
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d", child);
	int dead = MUST(open(path, O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", child);
	int file = MUST(open(path, O_RDONLY));
	close(MUST(open(path_of("opened"), O_WRONLY | O_CREAT, 0600)));
	join_child(child);
	ready_and_wait();

	char text[16];
	CHECK(openat(dead, "status", O_RDONLY) == -1 && (errno == ENOENT || errno == ESRCH));
	CHECK(lseek(file, 0, SEEK_CUR) == 0);
	ssize_t count = read(file, text, sizeof(text));
	CHECK(count >= 0);
	CHECK(kill(child, 0) == -1 && errno == ESRCH);
}

/* In the directory in /proc of a task that has ended. */
PROGRAM(dead_directory)
{
	char path[64];
	pid_t child = fork_as(1);
	if (child == 0)
		pause();
	snprintf(path, sizeof(path), "/proc/%d", child);
	MUST(chdir(path));
	MUST(kill(child, SIGKILL));
	MUST(waitpid(child, NULL, 0));
	ready_and_wait();

	CHECK(getcwd(path, sizeof(path)) == NULL && errno == ENOENT);
	CHECK(kill(child, 0) == -1 && errno == ESRCH);
}

/* All that needs names in the file system for a while: for tests in which something fails. */
PROGRAM(lost_names)
{
	MUST(mkdir(path_of("outer"), 0700));
	MUST(mkdir(path_of("outer/inner"), 0700));
	int directories = MUST(open(path_of("outer"), O_RDONLY | O_DIRECTORY));
	MUST(chdir(path_of("outer/inner")));
	int file = MUST(open("file", O_RDWR | O_CREAT, 0600));
	MUST(write(file, "inside", 6));
	MUST(mkdir(path_of("elsewhere"), 0700));
	MUST(link("file", path_of("elsewhere/file")));
	int linked = MUST(open(path_of("elsewhere/file"), O_RDONLY));
	MUST(mkfifo("fifo", 0600));
	int fifo = MUST(open("fifo", O_RDWR));
	MUST(write(fifo, "in the FIFO", 11));
	MUST(symlink("target", "link"));
	int symlink = MUST(open("link", O_PATH | O_NOFOLLOW));
	int unnamed = MUST(open(directory, O_TMPFILE | O_RDWR, 0600));
	MUST(open(path_of("other"), O_RDWR | O_CREAT, 0600));
	MUST(link(path_of("other"), path_of("remains")));
	MUST(unlink(path_of("other")));
	MUST(unlink("file"));
	MUST(unlink("fifo"));
	MUST(unlink("link"));
	MUST(unlink(path_of("elsewhere/file")));
	MUST(rmdir(path_of("elsewhere")));
	MUST(rmdir(path_of("outer/inner")));
	MUST(rmdir(path_of("outer")));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		end_child();
	}
	ready_and_wait();

	struct stat status;
	CHECK(has(linked, 0, "inside") && is_same_file(file, linked));
	CHECK(fstat(directories, &status) == 0 && fstat(symlink, &status) == 0 && fstat(unnamed, &status) == 0);
	join_child(child);
}
