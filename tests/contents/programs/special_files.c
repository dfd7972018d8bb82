#include "holder.h"
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

static int make(const char *path, const char *text)
{
	int fd = MUST(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(write(fd, text, strlen(text)));
	return fd;
}

static bool has(int fd, off_t offset, const char *text)
{
	char found[64] = "";
	size_t length = strlen(text);
	return pread(fd, found, length, offset) == (ssize_t)length && memcmp(found, text, length) == 0;
}

static bool is_named(int fd, const char *path)
{
	char link[32], found[4096] = "";
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, found, sizeof(found) - 1) > 0 && strcmp(found, path) == 0;
}

/* Devices that have no state. */
PROGRAM(device_files)
{
	int null = MUST(open("/dev/null", O_WRONLY | O_APPEND));
	int zero = MUST(open("/dev/zero", O_RDWR));
	int full = MUST(open("/dev/full", O_WRONLY | O_NONBLOCK));
	int random = MUST(open("/dev/random", O_RDONLY | O_NONBLOCK));
	int urandom = MUST(open("/dev/urandom", O_RDWR));
	int path = MUST(open("/dev/null", O_PATH));
	MUST(mknod(path_of("null"), S_IFCHR | 0600, makedev(1, 3)));
	int own = MUST(open(path_of("null"), O_RDWR));
	int log = open("/dev/kmsg", O_WRONLY);
	ready_and_wait();

	char byte = 'x';
	CHECK(write(null, "gone", 4) == 4 && write(own, "gone", 4) == 4);
	CHECK(read(zero, &byte, 1) == 1 && byte == 0);
	CHECK(write(full, "x", 1) == -1 && errno == ENOSPC);
	CHECK(read(random, &byte, 1) == 1 && read(urandom, &byte, 1) == 1);
	CHECK(read(path, &byte, 1) == -1 && errno == EBADF);
	CHECK(log == -1 || (fcntl(log, F_GETFL) & O_ACCMODE) == O_WRONLY);
}

/* Names that are text only by chance. */
PROGRAM(strange_names)
{
	static const char *const names[] = {
		"with space", "new\nline", "carriage\rreturn", "tab\t", "back\\slash", "\\012", "not \xff\xfe UTF-8",
		"\xe2\x80\xa8 line separator", "is not (deleted)", "\"quoted\"", "-dash", "\xf0\x9f\x90\xa7",
	};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	int fds[COUNT + 1];
	char *maps[COUNT + 1];
	char paths[COUNT + 1][4096];
	for (int i = 0; i < COUNT; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", directory, names[i]);
	/* Nearly as long as a path may be, with room for the names of copies of the directory. */
	strcpy(paths[COUNT], directory);
	for (size_t length = strlen(directory); length < 3700; length = strlen(paths[COUNT])) {
		if (length > strlen(directory))
			MUST(mkdir(paths[COUNT], 0700));
		paths[COUNT][length] = '/';
		memset(paths[COUNT] + length + 1, 'l', 255);
		paths[COUNT][length + 256] = 0;
	}
	for (int i = 0; i <= COUNT; i++) {
		fds[i] = make(paths[i], "named");
		maps[i] = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fds[i], 0);
		CHECK(maps[i] != MAP_FAILED);
	}
	/* The same for names that are gone. */
	char gone[4096];
	snprintf(gone, sizeof(gone), "%s/gone\n\xff", directory);
	int ghost = make(gone, "ghost");
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ghost, 0);
	CHECK(map != MAP_FAILED);
	MUST(unlink(gone));
	ready_and_wait();

	for (int i = 0; i <= COUNT; i++) {
		CHECK(is_named(fds[i], paths[i]));
		CHECK(has(fds[i], 0, "named") && strcmp(maps[i], "named") == 0);
	}
	CHECK(has(ghost, 0, "ghost") && strcmp(map, "ghost") == 0);
}

/* Flags and positions of all kinds. */
PROGRAM(open_flags)
{
	close(make(path_of("file"), "0123456789"));
	const char *name = path_of("file");
	static const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDWR | O_SYNC, O_RDWR | O_DSYNC, O_RDONLY | O_DIRECT,
		O_RDONLY | O_NOATIME | O_NONBLOCK, O_RDONLY | O_NOFOLLOW, O_PATH, O_PATH | O_NOFOLLOW | O_CLOEXEC,
		O_RDWR | O_CREAT | O_NOCTTY, O_RDWR | O_TRUNC, 3,
	};
	enum { COUNT = sizeof(flags) / sizeof(flags[0]) };
	int fds[COUNT], before[COUNT];
	for (int i = 0; i < COUNT; i++) {
		fds[i] = MUST(open(name, flags[i] & ~O_TRUNC));
		before[i] = MUST(fcntl(fds[i], F_GETFL));
		if ((flags[i] & O_PATH) == 0)
			MUST(lseek(fds[i], i * 1000000007L, SEEK_SET));
	}
	/* Hard links are one file by different names. */
	MUST(link(name, path_of("link")));
	int other = MUST(open(path_of("link"), O_RDONLY));
	MUST(symlink("file", path_of("symlink")));
	int followed = MUST(open(path_of("symlink"), O_RDONLY));
	int symlink = MUST(open(path_of("symlink"), O_PATH | O_NOFOLLOW));
	for (int i = 0; i < 20; i++) {
		char entry[16];
		snprintf(entry, sizeof(entry), "entry %d", i);
		close(make(path_of(entry), ""));
	}
	DIR *listing = opendir(directory);
	char next[512] = "";
	for (int i = 0; i < 10; i++)
		CHECK(readdir(listing) != NULL);
	long position = telldir(listing);
	strcpy(next, readdir(listing)->d_name);
	MUST(lseek(dirfd(listing), position, SEEK_SET));
	ready_and_wait();

	struct stat one, two;
	for (int i = 0; i < COUNT; i++) {
		CHECK(fcntl(fds[i], F_GETFL) == before[i]);
		CHECK((flags[i] & O_PATH) != 0 || lseek(fds[i], 0, SEEK_CUR) == i * 1000000007L);
	}
	CHECK(fstat(fds[0], &one) == 0 && fstat(other, &two) == 0 && one.st_ino == two.st_ino);
	CHECK(is_named(other, path_of("link")) && is_named(followed, path_of("file")));
	char text[16] = "";
	CHECK(readlinkat(symlink, "", text, sizeof(text)) == 4 && strcmp(text, "file") == 0);
	CHECK(lseek(dirfd(listing), 0, SEEK_CUR) == position);
}

/* Files of the kernel, among them those of the tasks themselves. */
PROGRAM(kernel_files)
{
	int stat = MUST(open("/proc/stat", O_RDONLY));
	int module = MUST(open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY));
	int self = MUST(open("/proc/self/task", O_RDONLY | O_DIRECTORY));
	int status = MUST(open("/proc/self/status", O_RDONLY));
	int descriptors = MUST(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
	int thread = MUST(open("/proc/thread-self/comm", O_RDWR));
	int link = MUST(open("/proc/self/exe", O_PATH | O_NOFOLLOW));
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(chdir("/proc/self/task"));
		while (!may_go())
			sleep_ms(5);
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/task", getpid());
		char cwd[64] = "";
		CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, path) == 0);
		end_child();
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	int other = MUST(open(path, O_RDONLY));
	ready_and_wait();

	char text[4096] = "";
	CHECK(read(stat, text, sizeof(text)) > 0 && memcmp(text, "cpu", 3) == 0);
	CHECK(read(module, text, sizeof(text)) > 0);
	snprintf(path, sizeof(path), "%d/maps", getpid());
	CHECK(openat(self, path, O_RDONLY) >= 0);
	memset(text, 0, sizeof(text));
	CHECK(read(status, text, sizeof(text) - 1) > 0 && strstr(text, "\nPid:\t") != NULL);
	CHECK(atoi(strstr(text, "\nPid:\t") + 6) == getpid());
	CHECK(faccessat(descriptors, "0", F_OK, 0) == 0);
	CHECK(write(thread, "renamed", 7) == 7 && prctl(PR_GET_NAME, text) == 0 && strcmp(text, "renamed") == 0);
	CHECK(readlinkat(link, "", text, sizeof(text)) > 0);
	memset(text, 0, sizeof(text));
	CHECK(read(other, text, sizeof(text) - 1) > 0 && atoi(text) == child);
	join_child(child);
}

/* A task in a root directory of its own, and files opened before and after. */
PROGRAM(changed_root)
{
	MUST(mkdir(path_of("root"), 0755));
	MUST(mkdir(path_of("root/inside"), 0755));
	int outside = make(path_of("outside"), "outside");
	pid_t child = fork_as(1);
	if (child == 0) {
		int go = MUST(open(directory, O_PATH | O_DIRECTORY));
		MUST(chroot(path_of("root")));
		MUST(chdir("/inside"));
		int file = make("/file", "file");
		int ghost = make("/inside/ghost", "ghost");
		MUST(unlink("/inside/ghost"));
		close(MUST(openat(go, "inside", O_WRONLY | O_CREAT, 0600)));
		while (faccessat(go, "go", F_OK, 0) != 0)
			sleep_ms(5);
		char cwd[64] = "";
		CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/inside") == 0);
		CHECK(has(outside, 0, "outside") && has(file, 0, "file") && has(ghost, 0, "ghost"));
		CHECK(access("/inside", F_OK) == 0 && access("/proc", F_OK) == -1);
		end_child();
	}
	while (access(path_of("inside"), F_OK) != 0)
		sleep_ms(1);
	ready_and_wait();

	CHECK(has(outside, 0, "outside"));
	join_child(child);
}

/* An ordinary file, a program and a FIFO, which tests change before they restore. */
PROGRAM(changing_files)
{
	int file = make(path_of("file"), "0123456789");
	int from = MUST(open("/proc/self/exe", O_RDONLY));
	int program = MUST(open(path_of("program"), O_RDWR | O_CREAT, 0700));
	struct stat status;
	MUST(fstat(from, &status));
	MUST(sendfile(program, from, NULL, status.st_size));
	close(from);
	MUST(mkfifo(path_of("fifo"), 0600));
	MUST(open(path_of("fifo"), O_RDWR));
	MUST(mkdir(path_of("directory"), 0700));
	make(path_of("directory/ghost"), "ghost");
	MUST(unlink(path_of("directory/ghost")));
	make(path_of("linked"), "linked");
	MUST(link(path_of("linked"), path_of("remains")));
	MUST(unlink(path_of("linked")));
	int appended = MUST(open(path_of("log"), O_WRONLY | O_APPEND | O_CREAT, 0600));
	MUST(write(appended, "log", 3));
	ready_and_wait();

	CHECK(has(file, 0, "0123456789"));
}
