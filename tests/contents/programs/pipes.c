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

	pid_t child = fork_as(1);
	if (child == 0) {
		char byte;
		close(shared[1]);
		CHECK(read(shared[0], &byte, 1) == 1 && byte == 'c');
		CHECK(write(plain[1], "child", 5) == 5);
		end_child();
	}
	close(shared[0]);
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
