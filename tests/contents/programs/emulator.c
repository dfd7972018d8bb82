#include "holder.h"
#include <poll.h>
#include <sys/ioctl.h>

/* A session with a new terminal, in which a command runs. */
static pid_t start(int master, char **command)
{
	pid_t child = MUST(fork());
	if (child != 0)
		return child;
	int number, slave;
	char path[32];
	MUST(ioctl(master, TIOCGPTN, &number));
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	MUST(setsid());
	slave = MUST(open(path, O_RDWR));
	for (int fd = 0; fd < 3; fd++)
		MUST(dup2(slave, fd));
	MUST(close_range(3, ~0U, 0));
	execvp(command[0], command);
	exit(127);
}

bool pass_on(int from, int to)
{
	char text[4096];
	ssize_t length = read(from, text, sizeof(text));
	if (length > 0)
		MUST(write(to, text, length));
	return length > 0;
}

int emulate_terminal(char **command)
{
	int master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)), unlocked = 0, status = 0;
	MUST(ioctl(master, TIOCSPTLCK, &unlocked));
	pid_t child = start(master, command);
	struct pollfd ends[] = {{.fd = 0, .events = POLLIN}, {.fd = master, .events = POLLIN}};
	do {
		MUST(poll(ends, 2, 20));
		if (ends[0].revents != 0 && !pass_on(0, master))
			ends[0].fd = -1;
		if (ends[1].revents != 0 && !pass_on(master, 1))
			ends[1].fd = -1;
	} while (waitpid(child, &status, WNOHANG) == 0);
	/* What it has written last. */
	while (ends[1].fd != -1 && poll(&ends[1], 1, 0) > 0 && pass_on(master, 1))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
