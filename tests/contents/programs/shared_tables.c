#include "holder.h"
#include <linux/sched.h>

/* Two tasks with one table of descriptors, and a third with its own. */
PROGRAM(shared_descriptors)
{
	int up[2], down[2];
	MUST(pipe(up));
	MUST(pipe(down));
	int zero = MUST(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	pid_t child = fork_sharing(1, CLONE_FILES);
	if (child == 0) {
		pid_t other = fork_as(2);
		if (other == 0) {
			char byte;
			CHECK(read(down[0], &byte, 1) == 1 && byte == 'd');
			CHECK(fcntl(20, F_GETFD) == -1 && errno == EBADF);
			end_child();
		}
		CHECK(write(up[1], "r", 1) == 1);
		while (!may_go())
			sleep_ms(5);
		CHECK(dup2(down[1], 20) == 20);
		CHECK(write(up[1], "u", 1) == 1);
		join_child(other);
		end_child();
	}
	char byte;
	CHECK(read(up[0], &byte, 1) == 1 && byte == 'r');
	ready_and_wait();
	CHECK(read(up[0], &byte, 1) == 1 && byte == 'u');
	CHECK(fcntl(20, F_GETFD) == 0 && fcntl(zero, F_GETFD) == FD_CLOEXEC);
	CHECK(write(20, "d", 1) == 1);
	join_child(child);
}
