#include "holder.h"
#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

static int open_file(const char *name, int flags)
{
	return MUST(open(path_of(name), flags | O_CREAT, 0644));
}

static void lock_range(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	MUST(fcntl(fd, command, &lock));
}

/* Whether somebody else's lock of this kind is met at `start`: seen through an open file that has none. */
static bool meets(int fd, off_t start, short type, off_t from, off_t length, pid_t pid)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == type && lock.l_start == from &&
	       lock.l_len == length && lock.l_pid == pid;
}

static bool is_free(int fd, off_t start)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/* Ranges to read and to write, up to the end and far beyond it, of two tasks in one file. */
PROGRAM(posix_locks)
{
	int fd = open_file("data", O_RDWR);
	int started[2], looked[2];
	char byte;
	MUST(pipe(started));
	MUST(pipe(looked));
	lock_range(fd, F_SETLK, F_WRLCK, 0, 10);
	lock_range(fd, F_SETLK, F_RDLCK, 10, 10);
	lock_range(fd, F_SETLK, F_RDLCK, 100, 1);
	lock_range(fd, F_SETLK, F_WRLCK, 1LL << 62, 0);
	int second = open_file("second", O_RDONLY);
	lock_range(second, F_SETLK, F_RDLCK, 5, 0);
	pid_t child = fork_as(1);
	if (child == 0) {
		/* Its own opening, with locks of its own between those of its parent. */
		int own = open_file("data", O_RDWR);
		lock_range(own, F_SETLK, F_WRLCK, 50, 5);
		lock_range(own, F_SETLK, F_RDLCK, 105, 5);
		MUST(write(started[1], "s", 1));
		while (!may_go())
			sleep_ms(5);
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 1};
		CHECK(fcntl(own, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_pid == getppid());
		CHECK(fcntl(own, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES));
		CHECK(write(started[1], "t", 1) == 1);
		CHECK(read(looked[0], &byte, 1) == 1);
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	CHECK(read(started[0], &byte, 1) == 1 && byte == 't');
	int other = open_file("data", O_RDWR);
	CHECK(meets(other, 3, F_WRLCK, 0, 10, getpid()));
	CHECK(meets(other, 15, F_RDLCK, 10, 10, getpid()));
	CHECK(is_free(other, 20) && is_free(other, 49) && is_free(other, 101));
	CHECK(meets(other, 50, F_WRLCK, 50, 5, child));
	CHECK(meets(other, 105, F_RDLCK, 105, 5, child));
	CHECK(meets(other, (1LL << 62) + 1000, F_WRLCK, 1LL << 62, 0, getpid()));
	int reader = open_file("second", O_RDWR);
	CHECK(meets(reader, 1000, F_RDLCK, 5, 0, getpid()) && is_free(reader, 4));
	/* They are this task's: it may change them, and loses them with any descriptor of the file. */
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
	CHECK(fcntl(fd, F_SETLK, &lock) == 0 && is_free(other, 3));
	close(reader);
	reader = open_file("second", O_RDWR);
	CHECK(is_free(reader, 1000));
	CHECK(write(looked[1], "l", 1) == 1);
	join_child(child);
}

/* Shared and exclusive; of an open file that tasks share, which its first holder has closed. */
PROGRAM(flocks)
{
	int shared = open_file("shared", O_RDONLY);
	int same = open_file("shared", O_RDONLY);
	int exclusive = open_file("exclusive", O_RDWR);
	int copy = MUST(dup(exclusive));
	int given = open_file("given", O_WRONLY);
	int started[2], looked[2];
	char byte;
	MUST(pipe(started));
	MUST(pipe(looked));
	MUST(flock(shared, LOCK_SH));
	MUST(flock(same, LOCK_SH));
	MUST(flock(exclusive, LOCK_EX));
	MUST(flock(given, LOCK_EX));
	pid_t child = fork_as(1);
	if (child == 0) {
		/* It keeps but two of them. */
		close(shared);
		close(same);
		close(copy);
		MUST(write(started[1], "s", 1));
		CHECK(read(looked[0], &byte, 1) == 1);
		CHECK(flock(given, LOCK_UN) == 0);
		end_child();
	}
	close(given);
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	int other = open_file("shared", O_RDONLY);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == 0 && flock(other, LOCK_UN) == 0);
	CHECK(flock(shared, LOCK_UN) == 0);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(same, LOCK_UN) == 0);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == 0);
	other = open_file("exclusive", O_RDONLY);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	close(exclusive);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(copy, LOCK_UN) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0);
	other = open_file("given", O_RDONLY);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(write(looked[1], "l", 1) == 1);
	join_child(child);
	CHECK(flock(other, LOCK_SH | LOCK_NB) == 0);
}

/* Of open files: ranges of two openings by one task, and of one that tasks share. */
PROGRAM(ofd_locks)
{
	int first = open_file("data", O_RDWR);
	int second = open_file("data", O_RDWR);
	int inherited = open_file("inherited", O_RDWR);
	lock_range(first, F_OFD_SETLK, F_WRLCK, 0, 100);
	lock_range(first, F_OFD_SETLK, F_RDLCK, 200, 100);
	lock_range(second, F_OFD_SETLK, F_RDLCK, 250, 0);
	lock_range(inherited, F_OFD_SETLK, F_WRLCK, 0, 0);
	int started[2], looked[2];
	char byte;
	MUST(pipe(started));
	MUST(pipe(looked));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(first);
		MUST(write(started[1], "s", 1));
		CHECK(read(looked[0], &byte, 1) == 1);
		lock_range(inherited, F_OFD_SETLK, F_UNLCK, 0, 0);
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	int other = open_file("data", O_RDWR);
	CHECK(meets(other, 50, F_WRLCK, 0, 100, -1) && is_free(other, 100));
	CHECK(meets(other, 220, F_RDLCK, 200, 100, -1));
	CHECK(meets(other, 5000, F_RDLCK, 250, 0, -1));
	CHECK(meets(second, 50, F_WRLCK, 0, 100, -1));
	/* The task itself may not lock it otherwise. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = 1};
	CHECK(fcntl(second, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES));
	CHECK(fcntl(first, F_OFD_SETLK, &lock) == 0);
	close(first);
	CHECK(is_free(other, 50) && meets(other, 5000, F_RDLCK, 250, 0, -1));
	other = open_file("inherited", O_RDWR);
	CHECK(meets(other, 0, F_WRLCK, 0, 0, -1));
	CHECK(write(looked[1], "l", 1) == 1);
	join_child(child);
	CHECK(is_free(other, 0));
}

static volatile int broken, broken_fd;

static void notice(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	broken++;
	broken_fd = info->si_fd;
}

static void notice_signal(int signal)
{
	struct sigaction action = {.sa_sigaction = notice, .sa_flags = SA_SIGINFO};
	MUST(sigaction(signal, &action, NULL));
}

/* For reading, several of one file but not of all its openings, and for writing; they are asked back afterwards. */
PROGRAM(leases)
{
	notice_signal(SIGIO);
	notice_signal(SIGRTMIN + 1);
	int free_one = open_file("read", O_RDONLY);
	int reader = open_file("read", O_RDONLY);
	int again = open_file("read", O_RDONLY);
	int writer = open_file("write", O_RDWR);
	MUST(fcntl(reader, F_SETLEASE, F_RDLCK));
	MUST(fcntl(reader, F_SETSIG, SIGRTMIN + 1));
	MUST(fcntl(again, F_SETLEASE, F_RDLCK));
	MUST(fcntl(again, F_SETSIG, SIGRTMIN + 1));
	MUST(fcntl(writer, F_SETLEASE, F_WRLCK));
	ready_and_wait();

	CHECK(broken == 0);
	CHECK(fcntl(free_one, F_GETLEASE) == F_UNLCK);
	CHECK(fcntl(reader, F_GETLEASE) == F_RDLCK && fcntl(again, F_GETLEASE) == F_RDLCK);
	CHECK(fcntl(writer, F_GETLEASE) == F_WRLCK && fcntl(writer, F_GETOWN) == getpid());
	CHECK(open(path_of("read"), O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
	CHECK(broken == 2 && (broken_fd == reader || broken_fd == again));
	CHECK(fcntl(reader, F_SETLEASE, F_UNLCK) == 0 && fcntl(again, F_SETLEASE, F_UNLCK) == 0);
	CHECK(open(path_of("read"), O_WRONLY | O_NONBLOCK) >= 0);
	CHECK(open(path_of("write"), O_RDONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
	CHECK(broken == 3);
	CHECK(fcntl(writer, F_SETLEASE, F_UNLCK) == 0);
}

/* Nobody is told when it is asked back. */
PROGRAM(silent_leases)
{
	notice_signal(SIGIO);
	int fd = open_file("data", O_RDONLY);
	MUST(fcntl(fd, F_SETLEASE, F_RDLCK));
	MUST(fcntl(fd, F_SETOWN, 0));
	ready_and_wait();

	CHECK(fcntl(fd, F_GETLEASE) == F_RDLCK && fcntl(fd, F_GETOWN) == 0);
	CHECK(open(path_of("data"), O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK && broken == 0);
}

static void start_break(const char *name, int flags)
{
	MUST(open(path_of(name), flags | O_NONBLOCK) == -1 && errno == EWOULDBLOCK ? 0 : -1);
}

/* Asked back before the dump, and not given back yet: altogether, and down to one for reading. */
PROGRAM(breaking_leases)
{
	notice_signal(SIGIO);
	int reader = open_file("read", O_RDONLY);
	int writer = open_file("write", O_RDWR);
	int down = open_file("down", O_WRONLY);
	MUST(fcntl(reader, F_SETLEASE, F_RDLCK));
	MUST(fcntl(writer, F_SETLEASE, F_WRLCK));
	MUST(fcntl(down, F_SETLEASE, F_WRLCK));
	start_break("read", O_WRONLY);
	start_break("write", O_RDWR);
	start_break("down", O_RDONLY);
	MUST(broken == 3 ? 0 : -1);
	ready_and_wait();

	/* It has been told once already. */
	CHECK(broken == 3);
	CHECK(fcntl(reader, F_GETLEASE) == F_UNLCK && fcntl(writer, F_GETLEASE) == F_UNLCK);
	CHECK(fcntl(down, F_GETLEASE) == F_RDLCK);
	CHECK(open(path_of("read"), O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
	CHECK(open(path_of("write"), O_RDWR | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
	CHECK(open(path_of("down"), O_RDONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
	CHECK(fcntl(reader, F_SETLEASE, F_UNLCK) == 0);
	CHECK(open(path_of("read"), O_WRONLY | O_NONBLOCK) >= 0);
	CHECK(fcntl(writer, F_SETLEASE, F_UNLCK) == 0);
	CHECK(open(path_of("write"), O_RDWR | O_NONBLOCK) >= 0);
	CHECK(fcntl(down, F_SETLEASE, F_UNLCK) == 0);
	CHECK(open(path_of("down"), O_RDONLY | O_NONBLOCK) >= 0);
}
