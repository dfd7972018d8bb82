#include "holder.h"
#include <sys/sendfile.h>
#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL 0x8U
#define MFD_EXEC 0x10U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static int memfd(const char *name, unsigned flags, const char *text)
{
	int fd = MUST(memfd_create(name, flags));
	MUST(write(fd, text, strlen(text)));
	return fd;
}

static int opened_again(int fd, int flags)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return MUST(open(path, flags));
}

static bool has(int fd, off_t offset, const char *text)
{
	char found[64] = "";
	size_t length = strlen(text);
	return pread(fd, found, length, offset) == (ssize_t)length && memcmp(found, text, length) == 0;
}

static void *mapped(int fd, int protection, int flags)
{
	void *address = mmap(NULL, 4096, protection, flags, fd, 0);
	CHECK(address != MAP_FAILED);
	return address;
}

/* memfds that nobody maps: openings, positions, owner and mode; two with one name; in two tasks. */
PROGRAM(memfd_files)
{
	int fd = memfd("name with / and \n", MFD_ALLOW_SEALING, "0123456789");
	int reader = opened_again(fd, O_RDONLY);
	int appender = opened_again(fd, O_RDWR | O_APPEND);
	MUST(lseek(fd, 5, SEEK_SET));
	MUST(lseek(reader, 1000, SEEK_SET));
	MUST(fchown(fd, 12, 34));
	MUST(fchmod(fd, 0640));
	int other = memfd("name with / and \n", MFD_CLOEXEC, "other");
	int empty = MUST(memfd_create("", 0));
	int sparse = MUST(memfd_create("sparse", 0));
	MUST(pwrite(sparse, "far", 3, 1 << 26));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (lseek(fd, 0, SEEK_CUR) == 5)
			sleep_ms(1);
		CHECK(has(fd, 0, "0123456789") && has(other, 0, "other"));
		end_child();
	}
	ready_and_wait();

	struct stat status, second;
	CHECK(fstat(fd, &status) == 0 && status.st_uid == 12 && status.st_gid == 34 && status.st_mode == (S_IFREG | 0640));
	CHECK(lseek(fd, 0, SEEK_CUR) == 5 && lseek(reader, 0, SEEK_CUR) == 1000);
	CHECK(fstat(reader, &second) == 0 && second.st_ino == status.st_ino);
	CHECK(write(reader, "x", 1) == -1 && errno == EBADF);
	CHECK(write(appender, "ab", 2) == 2 && has(fd, 8, "89ab"));
	CHECK(has(other, 0, "other") && fcntl(other, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_GET_SEALS) == 0 && fcntl(other, F_GET_SEALS) == F_SEAL_SEAL);
	CHECK(fstat(other, &second) == 0 && second.st_ino != status.st_ino && second.st_mode == (S_IFREG | 0777));
	CHECK(fstat(empty, &status) == 0 && status.st_size == 0);
	CHECK(has(sparse, 1 << 26, "far") && has(sparse, 0, "\0"));
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	join_child(child);
}

/* Mapped shared and private, writable and not, in two tasks. */
PROGRAM(memfd_mapped)
{
	int fd = memfd("mapped", 0, "contents");
	MUST(ftruncate(fd, 4096));
	char *shared = mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *private = mapped(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int reader = opened_again(fd, O_RDONLY);
	const char *constant = mapped(reader, PROT_READ, MAP_SHARED);
	int lone = memfd("lone", 0, "only mapped");
	MUST(ftruncate(lone, 4096));
	char *alone = mapped(lone, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(lone);
	strcpy(private, "own");
	pid_t child = fork_as(1);
	if (child == 0) {
		close(fd);
		while (strcmp(shared, "changed") != 0)
			sleep_ms(1);
		CHECK(strcmp(private, "own") == 0 && strcmp(alone, "only mapped") == 0);
		end_child();
	}
	ready_and_wait();

	CHECK(strcmp(shared, "contents") == 0 && strcmp(private, "own") == 0 && strcmp(constant, "contents") == 0);
	CHECK(mprotect((void *)constant, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	strcpy(shared, "changed");
	CHECK(has(fd, 0, "changed") && strcmp(constant, "changed") == 0);
	CHECK(strcmp(alone, "only mapped") == 0);
	join_child(child);
}

/* Seals, with and without mappings. */
PROGRAM(memfd_seals)
{
	int all = memfd("all", MFD_ALLOW_SEALING, "sealed");
	MUST(fcntl(all, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	int size = memfd("size", MFD_ALLOW_SEALING, "size");
	MUST(fcntl(size, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	char *writable = mapped(size, PROT_READ | PROT_WRITE, MAP_SHARED);
	int future = memfd("future", MFD_ALLOW_SEALING, "future");
	char *before = mapped(future, PROT_READ | PROT_WRITE, MAP_SHARED);
	MUST(fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	const char *private = mapped(all, PROT_READ, MAP_PRIVATE);
	ready_and_wait();

	CHECK(fcntl(all, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	CHECK(has(all, 0, "sealed") && write(all, "x", 1) == -1 && errno == EPERM);
	CHECK(memcmp(private, "sealed", 6) == 0);
	CHECK(fcntl(size, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW));
	writable[0] = 'S';
	CHECK(has(size, 0, "Size") && ftruncate(size, 1) == -1 && errno == EPERM);
	CHECK(fcntl(future, F_GET_SEALS) == F_SEAL_FUTURE_WRITE);
	before[0] = 'F';
	CHECK(has(future, 0, "Future") && write(future, "x", 1) == -1 && errno == EPERM);
}

/* Sealed against writing, and mapped shared since: that is possible since Linux 6.7. */
PROGRAM(memfd_sealed_mapping)
{
	int fd = memfd("sealed", MFD_ALLOW_SEALING, "sealed");
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	const char *shared = mapped(fd, PROT_READ, MAP_SHARED);
	ready_and_wait();

	CHECK(memcmp(shared, "sealed", 6) == 0 && fcntl(fd, F_GET_SEALS) == F_SEAL_WRITE);
	CHECK(mprotect((void *)shared, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
}

/* memfds that may be run, and that may never be. */
PROGRAM(memfd_programs)
{
	int plain = MUST(memfd_create("plain", MFD_NOEXEC_SEAL));
	int program = MUST(memfd_create("program", MFD_EXEC));
	int from = MUST(open("/proc/self/exe", O_RDONLY));
	struct stat status;
	MUST(fstat(from, &status));
	MUST(sendfile(program, from, NULL, status.st_size));
	close(from);
	ready_and_wait();

	CHECK(fcntl(plain, F_GET_SEALS) == F_SEAL_EXEC);
	CHECK(fchmod(plain, 0700) == -1 && errno == EPERM);
	CHECK(fcntl(program, F_GET_SEALS) == F_SEAL_SEAL);
	pid_t child = fork_as(1);
	if (child == 0) {
		char *arguments[] = {"holder", NULL};
		syscall(SYS_execveat, program, "", arguments, environ, AT_EMPTY_PATH);
		_exit(1);
	}
	int code = -1;
	/* That is how it answers to too few arguments. */
	CHECK(waitpid(child, &code, 0) == child && WIFEXITED(code) && WEXITSTATUS(code) == 2);
}

/* Of huge pages. */
PROGRAM(memfd_huge)
{
	int fd = MUST(memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING));
	size_t size = 2 << 20;
	MUST(ftruncate(fd, size));
	char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(shared != MAP_FAILED);
	strcpy(shared + (1 << 20), "in the middle");
	int alone = MUST(memfd_create("huge", MFD_HUGETLB));
	MUST(ftruncate(alone, size));
	char *for_now = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, alone, 0);
	CHECK(for_now != MAP_FAILED);
	strcpy(for_now, "not mapped");
	munmap(for_now, size);
	ready_and_wait();

	CHECK(strcmp(shared + (1 << 20), "in the middle") == 0);
	CHECK(has(fd, 1 << 20, "in the middle") && has(alone, 0, "not mapped"));
}

static bool runs_from_memory(void)
{
	char link[16] = "";
	MUST(readlink("/proc/self/exe", link, sizeof(link) - 1));
	return strncmp(link, "/memfd:", 7) == 0;
}

/* Runs the same program again from a memfd, of which nothing else is left. */
static void execute_from_memory(char *program, int seals)
{
	int fd = MUST(memfd_create("program", MFD_ALLOW_SEALING | MFD_CLOEXEC));
	int executable = MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	while (MUST(sendfile(fd, executable, NULL, 1 << 20)) > 0)
		;
	MUST(fcntl(fd, F_ADD_SEALS, seals));
	char *arguments[] = {"holder", program, (char *)directory, NULL};
	MUST(fexecve(fd, arguments, environ));
}

static int initialized = 5;

/* A program that is in a memfd, and a child that shares what it has written to its variables. */
static void run_from_memory(void)
{
	initialized = 6;
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(initialized == 6 && runs_from_memory());
		end_child();
	}
	ready_and_wait();
	CHECK(initialized == 6 && runs_from_memory());
	join_child(child);
}

PROGRAM(memfd_executed)
{
	if (!runs_from_memory())
		execute_from_memory("memfd_executed", 0);
	run_from_memory();
}

PROGRAM(memfd_executed_sealed)
{
	if (!runs_from_memory())
		execute_from_memory("memfd_executed_sealed", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	run_from_memory();
}
