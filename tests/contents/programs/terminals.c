#include "holder.h"
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif
#ifndef TIOCGEXCL
#define TIOCGEXCL _IOR('T', 0x40, int)
#endif
#ifndef TIOCGPKT
#define TIOCGPKT _IOR('T', 0x38, int)
#endif
#ifndef TIOCGPTLCK
#define TIOCGPTLCK _IOR('T', 0x39, int)
#endif

/* How far CRIU gets from the lowest free number of a terminal. */
#define REACH 32

static int number_of(int master)
{
	int number = -1;
	CHECK(ioctl(master, TIOCGPTN, &number) == 0);
	return number;
}

/*
 * The master of a new terminal, whose slave can be opened. Its number depends on the pid of the program: between dump
 * and restore it must be free, and whoever opens a terminal meanwhile gets a low one.
 */
static int open_master(int which)
{
	int wanted = 4 + getpgid(0) / 32 % 6 * 4 + which, unlocked = 0;
	int spare[REACH], spares = 0, master;
	for (;;) {
		master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY));
		int number = -1;
		MUST(ioctl(master, TIOCGPTN, &number));
		if (number >= wanted || spares == REACH)
			break;
		spare[spares++] = master;
	}
	while (spares > 0)
		close(spare[--spares]);
	MUST(ioctl(master, TIOCSPTLCK, &unlocked));
	return master;
}

static const char *slave_path(int master)
{
	static char path[32];
	snprintf(path, sizeof(path), "/dev/pts/%d", number_of(master));
	return path;
}

static int open_slave(int master, int flags)
{
	return MUST(open(slave_path(master), flags | O_NOCTTY));
}

static void make_raw(int fd)
{
	struct termios mode;
	MUST(tcgetattr(fd, &mode));
	cfmakeraw(&mode);
	MUST(tcsetattr(fd, TCSANOW, &mode));
}

/* Whether these bytes can be read, and no others with the last of them: echoes come one by one. */
static bool reads(int fd, const char *expected)
{
	char text[256];
	size_t length = 0, wanted = strlen(expected);
	while (length < wanted) {
		ssize_t count = read(fd, text + length, sizeof(text) - length);
		if (count <= 0)
			return false;
		length += count;
	}
	return length == wanted && memcmp(text, expected, length) == 0;
}

/* Waits until so many bytes can be read: the kernel passes them on some time after they were written. */
static void await_bytes(int fd, int count)
{
	for (int there = 0; there < count; sleep_ms(1))
		MUST(ioctl(fd, FIONREAD, &there));
}

static bool passes(int from, int to, const char *text)
{
	return write(from, text, strlen(text)) == (ssize_t)strlen(text) && reads(to, text);
}

static bool is_same_mode(int fd, const struct termios *mode)
{
	struct termios now = {0};
	return tcgetattr(fd, &now) == 0 && now.c_iflag == mode->c_iflag && now.c_oflag == mode->c_oflag &&
	       now.c_cflag == mode->c_cflag && now.c_lflag == mode->c_lflag && now.c_line == mode->c_line &&
	       memcmp(now.c_cc, mode->c_cc, sizeof(now.c_cc)) == 0;
}

/* A terminal with both ends, opened several times and duplicated; mode, size, owner and permissions. */
PROGRAM(pty_pair)
{
	int master = open_master(0);
	int number = number_of(master);
	int slave = open_slave(master, O_RDWR);
	int again = open_slave(master, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int reader = open_slave(master, O_RDONLY | O_APPEND);
	MUST(dup2(master, 101));
	MUST(close(master));
	MUST(dup2(slave, 100));
	MUST(fcntl(101, F_SETFL, O_NONBLOCK));
	MUST(fchown(slave, 13333, 44444));
	MUST(fchmod(slave, 0621));
	struct termios mode;
	MUST(tcgetattr(slave, &mode));
	cfmakeraw(&mode);
	mode.c_cc[VMIN] = 3;
	mode.c_cc[VTIME] = 7;
	mode.c_cc[VINTR] = 'x';
	mode.c_oflag = ONLCR;
	cfsetspeed(&mode, B9600);
	MUST(tcsetattr(slave, TCSANOW, &mode));
	MUST(tcgetattr(slave, &mode));
	struct winsize size = {.ws_row = 33, .ws_col = 77, .ws_xpixel = 5, .ws_ypixel = 6};
	MUST(ioctl(slave, TIOCSWINSZ, &size));
	ready_and_wait();

	CHECK(number_of(101) == number);
	struct stat status;
	CHECK(fstat(again, &status) == 0 && status.st_uid == 13333 && status.st_gid == 44444);
	CHECK(status.st_mode == (S_IFCHR | 0621) && status.st_rdev == (136 << 8) + (unsigned)number);
	CHECK(is_same_mode(slave, &mode) && is_same_mode(101, &mode));
	struct winsize found = {0};
	CHECK(ioctl(101, TIOCGWINSZ, &found) == 0 && memcmp(&found, &size, sizeof(size)) == 0);
	CHECK(ioctl(slave, TIOCGWINSZ, &found) == 0 && memcmp(&found, &size, sizeof(size)) == 0);
	CHECK((fcntl(101, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDWR | O_NONBLOCK));
	CHECK((fcntl(again, F_GETFL) & O_NONBLOCK) != 0 && fcntl(again, F_GETFD) == FD_CLOEXEC);
	CHECK((fcntl(reader, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_APPEND);
	CHECK(passes(101, slave, "to slave"));
	CHECK(passes(101, again, "to the other"));
	CHECK(passes(101, reader, "to the reader"));
	CHECK(passes(slave, 101, "to master"));
	CHECK(passes(100, 101, "to master again"));
	CHECK(read(101, &status, 1) == -1 && errno == EAGAIN);
	pid_t session;
	CHECK(ioctl(slave, TIOCGSID, &session) == -1 && errno == ENOTTY);
	CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
	close(slave);
	close(100);
	close(again);
	close(reader);
	CHECK(read(101, &status, 1) == -1 && errno == EIO);
}

/* Packet mode, the lock of the slave, exclusive use, and what of the mode cannot be changed. */
PROGRAM(pty_modes)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR), on = 1, off = 0, found;
	struct termios mode, locked = {0};
	MUST(tcgetattr(slave, &mode));
	mode.c_lflag &= ~(ECHO | ICANON);
	mode.c_cc[VINTR] = 7;
	MUST(tcsetattr(slave, TCSANOW, &mode));
	locked.c_lflag = ECHO | ICANON;
	locked.c_iflag = ICRNL;
	locked.c_cc[VINTR] = 0xff;
	MUST(ioctl(slave, TIOCSLCKTRMIOS, &locked));
	MUST(ioctl(master, TIOCPKT, &on));
	MUST(ioctl(master, TIOCSPTLCK, &on));
	MUST(ioctl(slave, TIOCEXCL));
	ready_and_wait();

	struct termios now = {0};
	CHECK(is_same_mode(slave, &mode));
	CHECK(ioctl(slave, TIOCGLCKTRMIOS, &now) == 0 && memcmp(&now, &locked, 36) == 0);
	now = mode;
	now.c_lflag |= ECHO;
	now.c_cc[VINTR] = 9;
	CHECK(tcsetattr(slave, TCSANOW, &now) == 0 && is_same_mode(slave, &mode));
	CHECK(ioctl(slave, TIOCGEXCL, &found) == 0 && found == 1);
	CHECK(ioctl(master, TIOCGEXCL, &found) == 0 && found == 0);
	CHECK(ioctl(master, TIOCGPTLCK, &found) == 0 && found == 1);
	CHECK(ioctl(master, TIOCGPKT, &found) == 0 && found == 1);
	CHECK(open(slave_path(master), O_RDWR | O_NOCTTY) == -1 && errno == EIO);
	CHECK(ioctl(master, TIOCSPTLCK, &off) == 0);
	CHECK(open_slave(master, O_RDWR) >= 0);
	char text[8];
	CHECK(write(slave, "x", 1) == 1 && read(master, text, sizeof(text)) == 2 && memcmp(text, "\0x", 2) == 0);
	CHECK(ioctl(slave, TCFLSH, TCIFLUSH) == 0);
	CHECK(read(master, text, sizeof(text)) == 1 && text[0] == TIOCPKT_FLUSHREAD);
}

/* Bytes on their way in both directions: plain ones, and lines of a terminal that edits, echoes and translates. */
PROGRAM(pty_queues)
{
	int plain = open_master(0), plain_slave = open_slave(plain, O_RDWR);
	make_raw(plain_slave);
	MUST(write(plain, "down\r\n\003\004\177", 9));
	MUST(write(plain_slave, "up\n", 3));
	int lines = open_master(1), lines_slave = open_slave(lines, O_RDWR);
	struct termios mode;
	MUST(tcgetattr(lines_slave, &mode));
	mode.c_cc[VEOL] = ';';
	MUST(tcsetattr(lines_slave, TCSANOW, &mode));
	const char *echo = "one\r\ntwo^\b^C;thr^\b^Dee";
	MUST(write(lines, "one\ntwo\026\003;thr\026\004ee\004", 18));
	await_bytes(lines, strlen(echo));
	MUST(write(lines_slave, "out\n", 4));
	int packets = open_master(2), packets_slave = open_slave(packets, O_RDWR), on = 1;
	make_raw(packets_slave);
	MUST(ioctl(packets, TIOCPKT, &on));
	MUST(write(packets_slave, "\0packet", 7));
	MUST(write(packets, "data", 4));
	ready_and_wait();

	char text[64];
	CHECK(reads(plain_slave, "down\r\n\003\004\177"));
	CHECK(reads(plain, "up\n"));
	CHECK(reads(lines_slave, "one\n"));
	CHECK(reads(lines_slave, "two\003;"));
	CHECK(reads(lines_slave, "thr\004ee"));
	CHECK(reads(lines, "one\r\ntwo^\b^C;thr^\b^Deeout\r\n"));
	CHECK(passes(lines, lines_slave, "more\n") && reads(lines, "more\r\n"));
	CHECK(read(packets, text, sizeof(text)) == 8 && memcmp(text, "\0\0packet", 8) == 0);
	CHECK(reads(packets_slave, "data"));
	CHECK(is_same_mode(lines_slave, &mode));
}

static char filling[1 << 16];

/* Writes as much as there is room for; returns how much that was. */
static int fill_up(int fd, int seed)
{
	int length = 0;
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	for (;; sleep_ms(5)) {
		for (int at = length; at < (int)sizeof(filling); at++)
			filling[at] = (char)(at * seed >> 3);
		ssize_t written = write(fd, filling + length, sizeof(filling) - length);
		if (written <= 0)
			break;
		length += written;
	}
	MUST(fcntl(fd, F_SETFL, 0));
	return length;
}

static bool drains(int fd, int length, int seed)
{
	int at = 0;
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	for (int tries = 0; tries < 100; sleep_ms(1), tries++) {
		ssize_t count = read(fd, filling, sizeof(filling));
		for (int i = 0; i < count; i++, at++)
			if (filling[i] != (char)(at * seed >> 3))
				return false;
		if (count > 0)
			tries = 0;
	}
	return at == length;
}

/* As many bytes as fit. */
PROGRAM(pty_full_queues)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR);
	make_raw(slave);
	int down = fill_up(master, 3), up = fill_up(slave, 7);
	MUST(down > 8192 && up > 8192 ? 0 : -1);
	ready_and_wait();

	CHECK(drains(slave, down, 3));
	CHECK(drains(master, up, 7));
}

/* Slaves without a master: nothing can be done with them any more. */
PROGRAM(pty_hung)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR), other = open_slave(master, O_RDONLY);
	MUST(signal(SIGHUP, SIG_IGN) == SIG_ERR ? -1 : 0);
	MUST(ioctl(slave, TIOCSCTTY, 0));
	close(master);
	ready_and_wait();

	struct termios mode;
	char byte;
	CHECK(ioctl(slave, TCGETS, &mode) == -1 && errno == EIO);
	CHECK(read(slave, &byte, 1) == 0 && read(other, &byte, 1) == 0);
	CHECK(write(slave, "x", 1) == -1 && errno == EIO);
	CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
}

static volatile sig_atomic_t caught[65];

static void count_signal(int signal)
{
	caught[signal]++;
}

static void count(int number)
{
	struct sigaction action = {.sa_handler = count_signal};
	MUST(sigaction(number, &action, NULL));
}

static void wait_for_signal(int number)
{
	for (int tries = 0; caught[number] == 0 && tries < 20000; tries++)
		sleep_ms(5);
}

/* Masters whose slave nobody has opened: one of a terminal that controls a session, and one of a new one. */
PROGRAM(pty_master_only)
{
	int fresh = open_master(0), master = open_master(1), both[2];
	MUST(pipe(both));
	pid_t child = fork_as(1);
	if (child == 0) {
		count(SIGHUP);
		MUST(setsid());
		int slave = open_slave(master, O_RDWR);
		MUST(ioctl(slave, TIOCSCTTY, 0));
		close(slave);
		close(master);
		close(fresh);
		MUST(write(both[1], "r", 1));
		close(both[1]);
		wait_for_signal(SIGHUP);
		CHECK(caught[SIGHUP] == 1);
		end_child();
	}
	char byte;
	MUST(read(both[0], &byte, 1));
	struct winsize size = {.ws_row = 1, .ws_col = 2};
	MUST(ioctl(fresh, TIOCSWINSZ, &size));
	make_raw(fresh);
	ready_and_wait();

	pid_t session = 0;
	CHECK(ioctl(master, TIOCGSID, &session) == 0 && session == child);
	CHECK(ioctl(fresh, TIOCGSID, &session) == -1 && errno == ENOTTY);
	close(master);
	join_child(child);
	struct winsize found = {0};
	int slave = open_slave(fresh, O_RDWR);
	CHECK(ioctl(slave, TIOCGWINSZ, &found) == 0 && found.ws_row == 1 && found.ws_col == 2);
	CHECK(passes(fresh, slave, "through") && passes(slave, fresh, "back\n"));
}

/* A master that only a child has. */
PROGRAM(pty_in_child)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR);
	make_raw(slave);
	pid_t child = fork_as(1);
	if (child == 0) {
		close(slave);
		CHECK(reads(master, "from the root"));
		CHECK(write(master, "from the child", 14) == 14);
		CHECK(reads(master, "goodbye"));
		end_child();
	}
	close(master);
	ready_and_wait();

	CHECK(write(slave, "from the root", 13) == 13);
	CHECK(reads(slave, "from the child"));
	CHECK(write(slave, "goodbye", 7) == 7);
	join_child(child);
	CHECK(read(slave, &child, 1) == 0);
}

/* A controlling terminal, and /dev/tty opened and shared with a child. */
PROGRAM(pty_controlling)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR);
	MUST(ioctl(slave, TIOCSCTTY, 0));
	int tty = MUST(open("/dev/tty", O_RDWR)), started[2];
	make_raw(slave);
	MUST(pipe(started));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(master);
		MUST(write(started[1], "s", 1));
		CHECK(reads(tty, "for the child"));
		pid_t group = 0;
		CHECK(ioctl(tty, TIOCGPGRP, &group) == 0 && group == getpgid(0));
		CHECK(write(tty, "from the child", 14) == 14);
		CHECK(open("/dev/tty", O_RDWR) >= 0);
		end_child();
	}
	char byte;
	MUST(read(started[0], &byte, 1));
	count(SIGHUP);
	ready_and_wait();

	CHECK(write(master, "for the child", 13) == 13);
	CHECK(reads(master, "from the child"));
	join_child(child);
	CHECK(passes(tty, master, "from tty"));
	pid_t session = 0;
	CHECK(ioctl(master, TIOCGSID, &session) == 0 && session == getpid());
	CHECK(ioctl(tty, TIOCGSID, &session) == 0 && session == getpid());
	close(slave);
	close(tty);
	CHECK(caught[SIGHUP] == 0);
	close(master);
	CHECK(caught[SIGHUP] == 1);
}

/* /dev/tty opened twice, and nothing else of the slave. */
PROGRAM(pty_two_openings)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR);
	MUST(ioctl(slave, TIOCSCTTY, 0));
	int first = MUST(open("/dev/tty", O_RDWR)), second = MUST(open("/dev/tty", O_RDONLY | O_NONBLOCK));
	make_raw(slave);
	MUST(ioctl(slave, TIOCEXCL));
	close(slave);
	ready_and_wait();

	char byte;
	int found = 0;
	CHECK(passes(master, first, "first") && passes(master, second, "second") && passes(first, master, "back"));
	CHECK(read(second, &byte, 1) == -1 && errno == EAGAIN);
	CHECK(ioctl(first, TIOCGEXCL, &found) == 0 && found == 1);
}

/* A terminal in whose foreground another group is than its session's leader's; ^C is for that. */
PROGRAM(pty_foreground)
{
	int master = open_master(0), both[2];
	MUST(pipe(both));
	pid_t leader = fork_as(1);
	if (leader == 0) {
		MUST(setsid());
		count(SIGINT);
		int slave = open_slave(master, O_RDWR);
		close(master);
		MUST(ioctl(slave, TIOCSCTTY, 0));
		pid_t job = fork_as(2);
		if (job == 0) {
			MUST(setpgid(0, 0));
			count(SIGINT);
			MUST(write(both[1], "r", 1));
			wait_for_signal(SIGINT);
			CHECK(caught[SIGINT] == 1);
			CHECK(tcgetpgrp(slave) == getpid());
			end_child();
		}
		MUST(setpgid(job, job));
		MUST(ioctl(slave, TIOCSPGRP, &job));
		MUST(write(both[1], "r", 1));
		join_child(job);
		CHECK(caught[SIGINT] == 0);
		end_child();
	}
	char bytes[2];
	for (int i = 0; i < 2; i++)
		MUST(read(both[0], bytes, 1));
	ready_and_wait();

	pid_t group = 0;
	CHECK(ioctl(master, TIOCGPGRP, &group) == 0 && group == leader + 1);
	CHECK(write(master, "\003", 1) == 1);
	join_child(leader);
}

/* A controlling terminal whose only descriptors are those of others: of another session, and of a task outside. */
PROGRAM(pty_other_leader)
{
	int master = open_master(0), both[2];
	MUST(pipe(both));
	pid_t leader = fork_as(1);
	if (leader == 0) {
		MUST(setsid());
		int slave = open_slave(master, O_RDWR);
		close(master);
		MUST(ioctl(slave, TIOCSCTTY, 0));
		pid_t stranger = fork_as(2);
		if (stranger == 0) {
			MUST(setsid());
			MUST(write(both[1], "r", 1));
			CHECK(reads(slave, "go\n"));
			CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
			end_child();
		}
		close(slave);
		MUST(write(both[1], "r", 1));
		join_child(stranger);
		CHECK(open("/dev/tty", O_RDWR) >= 0);
		end_child();
	}
	char bytes[2];
	for (int i = 0; i < 2; i++)
		MUST(read(both[0], bytes, 1));
	ready_and_wait();

	pid_t session = 0;
	CHECK(ioctl(master, TIOCGSID, &session) == 0 && session == leader);
	CHECK(write(master, "go\n", 3) == 3);
	join_child(leader);
}

/* A virtual terminal by a name of its own, which controls a session, and the console. Of several, a dump has only one. */
PROGRAM(virtual_terminal)
{
	const char *name = path_of("terminal");
	MUST(mknod(name, S_IFCHR | 0600, 4 << 8 | 9));
	int both[2];
	MUST(pipe(both));
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(setsid());
		/* A dump has the session of the first task that has the terminal. */
		int terminal = MUST(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
		MUST(ioctl(terminal, TIOCSCTTY, 0));
		struct termios mode;
		MUST(tcgetattr(terminal, &mode));
		mode.c_cc[VERASE] ^= 1;
		MUST(tcsetattr(terminal, TCSANOW, &mode));
		count(SIGTERM);
		MUST(write(both[1], "r", 1));
		wait_for_signal(SIGTERM);
		struct stat status;
		CHECK(fstat(terminal, &status) == 0 && status.st_rdev == (4 << 8 | 9));
		CHECK(tcgetpgrp(terminal) == getpid() && open("/dev/tty", O_RDWR) >= 0);
		CHECK(is_same_mode(terminal, &mode));
		CHECK((fcntl(terminal, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDWR | O_NONBLOCK));
		end_child();
	}
	char byte;
	MUST(read(both[0], &byte, 1));
	int console = MUST(open("/dev/console", O_WRONLY | O_NOCTTY));
	ready_and_wait();

	CHECK(isatty(console));
	MUST(kill(child, SIGTERM));
	join_child(child);
}

/* A few of all kinds, for restores that fail. */
PROGRAM(several_terminals)
{
	int master = open_master(0), slave = open_slave(master, O_RDWR);
	MUST(ioctl(slave, TIOCSCTTY, 0));
	int tty = MUST(open("/dev/tty", O_RDWR));
	make_raw(slave);
	MUST(write(master, "a", 1));
	MUST(write(slave, "b", 1));
	int gone = open_master(1), hung = open_slave(gone, O_RDWR), both[2], orders[2];
	close(gone);
	MUST(pipe(both));
	MUST(pipe(orders));
	pid_t leader = fork_as(1);
	if (leader == 0) {
		MUST(setsid());
		int own = open_master(2);
		MUST(ioctl(own, TIOCSCTTY, 0));
		pid_t job = fork_as(2);
		if (job == 0) {
			MUST(setpgid(0, 0));
			CHECK(reads(orders[0], "go"));
			end_child();
		}
		MUST(setpgid(job, job));
		MUST(ioctl(own, TIOCSPGRP, &job));
		MUST(write(both[1], "r", 1));
		join_child(job);
		end_child();
	}
	char byte;
	MUST(read(both[0], &byte, 1));
	ready_and_wait();

	CHECK(reads(tty, "a") && reads(master, "b") && read(hung, &byte, 1) == 0);
	CHECK(write(orders[1], "go", 2) == 2);
	join_child(leader);
}

/* Reads what a terminal shows until it shows `text`; what follows is kept for the next time. */
static bool shows(int master, const char *text)
{
	static char shown[1 << 16];
	static int length;
	MUST(fcntl(master, F_SETFL, O_NONBLOCK));
	for (int tries = 0; tries < 12000; tries++, sleep_ms(5)) {
		ssize_t count = read(master, shown + length, sizeof(shown) - 1 - length);
		length += count > 0 ? count : 0;
		shown[length] = 0;
		char *found = strstr(shown, text);
		if (found == NULL)
			continue;
		found += strlen(text);
		length -= found - shown;
		memmove(shown, found, length);
		return true;
	}
	fprintf(stderr, "it shows \"%s\" instead of \"%s\"\n", shown, text);
	return false;
}

static bool types(int master, const char *keys)
{
	return write(master, keys, strlen(keys)) == (ssize_t)strlen(keys);
}

/* A shell in a terminal, with a job in the background and one in the foreground. */
PROGRAM(pty_shell)
{
	int master = open_master(0);
	struct winsize size = {.ws_row = 25, .ws_col = 80};
	MUST(ioctl(master, TIOCSWINSZ, &size));
	pid_t shell = fork_as(1);
	if (shell == 0) {
		MUST(setsid());
		int slave = open_slave(master, O_RDWR);
		MUST(ioctl(slave, TIOCSCTTY, 0));
		for (int fd = 0; fd < 3; fd++)
			MUST(dup2(slave, fd));
		MUST(close_range(3, ~0U, 0));
		char *arguments[] = {"bash", "--norc", "--noprofile", "-i", NULL};
		MUST(execv("/bin/bash", arguments));
	}
	MUST(types(master, "PS1='$((6 * 7))> '; unset HISTFILE; set -b\n") ? 0 : -1);
	MUST(shows(master, "42> ") ? 0 : -1);
	MUST(types(master, "sleep 1000 &\n") ? 0 : -1);
	MUST(shows(master, "42> ") ? 0 : -1);
	/* When that is shown, the terminal is no longer in the mode in which the shell reads commands. */
	MUST(types(master, "echo $((4 + 4)); cat\n") && shows(master, "8\r\n") ? 0 : -1);
	MUST(types(master, "before\n") ? 0 : -1);
	MUST(shows(master, "before\r\nbefore\r\n") ? 0 : -1);
	ready_and_wait();

	CHECK(types(master, "after\n") && shows(master, "after\r\nafter\r\n"));
	CHECK(types(master, "\003") && shows(master, "^C") && shows(master, "42> "));
	CHECK(types(master, "jobs\n") && shows(master, "Running") && shows(master, "42> "));
	CHECK(types(master, "echo $((5 + 5)); cat\n") && shows(master, "10\r\n"));
	CHECK(types(master, "there\n") && shows(master, "there\r\nthere\r\n"));
	CHECK(types(master, "\032") && shows(master, "Stopped") && shows(master, "42> "));
	CHECK(types(master, "echo $((9 + 9)); fg %2\n") && shows(master, "18\r\n") && types(master, "again\n"));
	CHECK(shows(master, "again\r\nagain\r\n") && types(master, "\004") && shows(master, "42> "));
	CHECK(types(master, "kill %1; wait %1; echo status $?\n") && shows(master, "status 143\r\n"));
	CHECK(types(master, "echo $((6 + 6)); cat /dev/tty\n") && shows(master, "12\r\n"));
	CHECK(types(master, "through tty\n"));
	CHECK(shows(master, "through tty\r\nthrough tty\r\n") && types(master, "\004exit 5\n"));
	int status = 0;
	CHECK(waitpid(shell, &status, 0) == shell && WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

/* A job of a shell: it reads lines until "quit", and minds its keys. `other` is its terminal as well. */
static void be_job(int other)
{
	struct termios mode;
	MUST(tcgetattr(0, &mode));
	mode.c_lflag &= ~ECHO;
	mode.c_cc[VERASE] = '#';
	MUST(tcsetattr(0, TCSANOW, &mode));
	struct winsize size = {.ws_row = 11, .ws_col = 22};
	MUST(ioctl(1, TIOCSWINSZ, &size));
	count(SIGINT);
	pid_t child = fork_as(1);
	if (child == 0) {
		wait_for_signal(SIGINT);
		CHECK(caught[SIGINT] == 1);
		CHECK(tcgetpgrp(other) == getpgid(0));
		end_child();
	}
	ready_and_wait();

	struct winsize found = {0};
	CHECK(is_same_mode(0, &mode) && is_same_mode(1, &mode) && is_same_mode(2, &mode) && is_same_mode(other, &mode));
	CHECK(ioctl(2, TIOCGWINSZ, &found) == 0 && found.ws_row == 11 && found.ws_col == 22);
	CHECK(tcgetpgrp(0) == getpid() && tcgetpgrp(other) == getpid());
	pid_t session = 0;
	CHECK(ioctl(other, TIOCGSID, &session) == 0 && session == getsid(0) && session != getpid());
	CHECK(open("/dev/tty", O_RDWR) >= 0);
	MUST(write(1, "runs\n", 5));
	for (char line[64];;) {
		ssize_t length = read(0, line, sizeof(line) - 1);
		if (length <= 0)
			break;
		line[length - 1] = 0;
		dprintf(other, "read <%s>\n", line);
		if (strcmp(line, "quit") == 0)
			break;
	}
	wait_for_signal(SIGINT);
	CHECK(caught[SIGINT] == 1);
	join_child(child);
	exit_status = 7;
}

/* With the descriptors that its shell has given it. */
PROGRAM(shell_job)
{
	be_job(dup(0));
}

/* It has opened its terminal once more. */
PROGRAM(shell_job_openings)
{
	be_job(MUST(open("/proc/self/fd/0", O_RDWR | O_APPEND | O_NOCTTY)));
}
