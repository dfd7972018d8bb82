#include "holder.h"

/* Pipes with something in them, of a size of their own, nonblocking, with ends opened again; across tasks. */
PROGRAM(pipes)
{
	int plain[2], large[2], shared[2];
	MUST(pipe(plain));
	MUST(write(plain[1], "before", 6));
	MUST(pipe2(large, O_NONBLOCK | O_CLOEXEC));
	MUST(fcntl(large[1], F_SETPIPE_SZ, 1 << 18));
	static char filling[200000];
	memset(filling, 'x', sizeof(filling));
	MUST(write(large[1], filling, sizeof(filling)));
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", plain[0]);
	int again = MUST(open(path, O_RDWR | O_NONBLOCK));
	int copy = MUST(dup(plain[1]));
	MUST(pipe(shared));

	int started[2];
	char byte;
	MUST(pipe(started));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(shared[1]);
		MUST(write(started[1], "s", 1));
		CHECK(read(shared[0], &byte, 1) == 1 && byte == 'c');
		CHECK(write(plain[1], "child", 5) == 5);
		end_child();
	}
	close(shared[0]);
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	char text[16];
	CHECK(write(copy, " after", 6) == 6);
	CHECK(read(plain[0], text, 6) == 6 && memcmp(text, "before", 6) == 0);
	CHECK(read(again, text, 6) == 6 && memcmp(text, " after", 6) == 0);
	CHECK(read(again, text, 6) == -1 && errno == EAGAIN);
	CHECK(fcntl(large[0], F_GETPIPE_SZ) == 1 << 18);
	static char received[sizeof(filling) + 1];
	CHECK(read(large[0], received, sizeof(received)) == sizeof(filling));
	CHECK(memcmp(received, filling, sizeof(filling)) == 0);
	CHECK(read(large[0], received, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(large[0], F_GETFD) == FD_CLOEXEC && fcntl(plain[0], F_GETFD) == 0);
	CHECK(write(shared[1], "c", 1) == 1);
	join_child(child);
	CHECK(read(plain[0], text, 5) == 5 && memcmp(text, "child", 5) == 0);
	close(plain[1]);
	close(copy);
	close(again);
	CHECK(read(plain[0], text, 1) == 0);
}

/* Flags of the kernel that the C library hides. */
#define LARGE_FILE 0100000

static bool was_opened(int fd)
{
	return (MUST(fcntl(fd, F_GETFL)) & LARGE_FILE) != 0;
}

/* Pipes whose ends were opened by their names in /proc, beside those that pipe(2) has made, and instead of them. */
PROGRAM(opened_pipes)
{
	int both[2], instead[2], opened[4];
	MUST(pipe(both));
	MUST(pipe(instead));
	for (int i = 0; i < 4; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", i < 2 ? both[i] : instead[i - 2]);
		opened[i] = MUST(open(path, i % 2 == 0 ? O_RDONLY : O_WRONLY));
	}
	close(instead[0]);
	close(instead[1]);
	ready_and_wait();

	char byte;
	CHECK(!was_opened(both[0]) && !was_opened(both[1]));
	for (int i = 0; i < 4; i++)
		CHECK(was_opened(opened[i]));
	CHECK(write(opened[1], "b", 1) == 1 && read(both[0], &byte, 1) == 1 && byte == 'b');
	CHECK(write(both[1], "B", 1) == 1 && read(opened[0], &byte, 1) == 1 && byte == 'B');
	CHECK(write(opened[3], "i", 1) == 1 && read(opened[2], &byte, 1) == 1 && byte == 'i');
	close(opened[3]);
	CHECK(read(opened[2], &byte, 1) == 0);
}
