#include "holder.h"
#include <poll.h>

static int fifo(const char *name, int flags)
{
	return MUST(open(path_of(name), flags));
}

static bool reads(int fd, const char *text)
{
	char found[64];
	size_t length = strlen(text);
	return read(fd, found, length) == (ssize_t)length && memcmp(found, text, length) == 0;
}

/* FIFOs with contents, openers of each kind and in two tasks, and a size of their own. */
PROGRAM(fifos)
{
	MUST(mkfifo(path_of("fifo"), 0640));
	int both = fifo("fifo", O_RDWR);
	int reader = fifo("fifo", O_RDONLY | O_NONBLOCK);
	int writer = fifo("fifo", O_WRONLY | O_APPEND);
	MUST(write(writer, "before", 6));
	MUST(mkfifo(path_of("large"), 0600));
	int large = fifo("large", O_RDWR | O_NONBLOCK);
	MUST(fcntl(large, F_SETPIPE_SZ, 1 << 18));
	static char filling[200000];
	memset(filling, 'x', sizeof(filling));
	MUST(write(large, filling, sizeof(filling)));
	MUST(mkfifo(path_of("between"), 0600));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(both);
		close(reader);
		close(writer);
		int from = fifo("between", O_RDONLY);
		CHECK(reads(from, "to the child"));
		CHECK(read(from, filling, 1) == 0);
		end_child();
	}
	int to = fifo("between", O_WRONLY);
	ready_and_wait();

	struct stat status;
	CHECK(fstat(both, &status) == 0 && status.st_mode == (S_IFIFO | 0640));
	CHECK(write(both, " after", 6) == 6);
	CHECK(reads(reader, "before after"));
	CHECK(read(reader, filling, 1) == -1 && errno == EAGAIN);
	CHECK((fcntl(writer, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_WRONLY | O_APPEND));
	CHECK(fcntl(large, F_GETPIPE_SZ) == 1 << 18);
	static char received[sizeof(filling) + 1];
	CHECK(read(large, received, sizeof(received)) == sizeof(filling));
	CHECK(memcmp(received, filling, sizeof(filling)) == 0);
	int again = open(path_of("fifo"), O_RDONLY | O_NONBLOCK);
	CHECK(again >= 0 && write(writer, "x", 1) == 1 && reads(again, "x"));
	CHECK(write(to, "to the child", 12) == 12);
	close(to);
	join_child(child);
}

/* Only readers, or only writers: the other end comes later. */
PROGRAM(fifo_ends)
{
	MUST(mkfifo(path_of("read"), 0600));
	MUST(mkfifo(path_of("write"), 0600));
	int reader = fifo("read", O_RDONLY | O_NONBLOCK);
	int both = fifo("write", O_RDWR);
	int writer = fifo("write", O_WRONLY);
	close(both);
	signal(SIGPIPE, SIG_IGN);
	ready_and_wait();

	char byte;
	CHECK(read(reader, &byte, 1) == 0);
	int late = open(path_of("read"), O_WRONLY | O_NONBLOCK);
	CHECK(late >= 0 && write(late, "late", 4) == 4 && reads(reader, "late"));
	CHECK(write(writer, "x", 1) == -1 && errno == EPIPE);
	late = open(path_of("write"), O_RDONLY | O_NONBLOCK);
	CHECK(late >= 0 && write(writer, "again", 5) == 5 && reads(late, "again"));
}

/* FIFOs without a name, with contents. */
PROGRAM(fifo_unlinked)
{
	MUST(mkfifo(path_of("both"), 0604));
	int both = fifo("both", O_RDWR);
	int reader = fifo("both", O_RDONLY | O_NONBLOCK);
	MUST(write(both, "contents", 8));
	MUST(unlink(path_of("both")));
	MUST(mkfifo(path_of("write"), 0600));
	int other = fifo("write", O_RDWR);
	int writer = fifo("write", O_WRONLY);
	close(other);
	MUST(unlink(path_of("write")));
	signal(SIGPIPE, SIG_IGN);
	ready_and_wait();

	struct stat status;
	CHECK(fstat(both, &status) == 0 && status.st_mode == (S_IFIFO | 0604) && status.st_nlink == 0);
	CHECK(reads(reader, "contents"));
	CHECK(write(both, "more", 4) == 4 && reads(reader, "more"));
	char byte;
	CHECK(read(reader, &byte, 1) == -1 && errno == EAGAIN);
	CHECK(write(writer, "x", 1) == -1 && errno == EPIPE);
	CHECK(access(path_of("both"), F_OK) == -1 && access(path_of("write"), F_OK) == -1);
}
