#include "holder.h"
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <termios.h>

/* What tells mounts from others: of each line of mountinfo, where it is, its options, and of what type it is. */
static void describe_mounts(char *text, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "r");
	MUST(file == NULL ? -1 : 0);
	char line[1024], *lines[128];
	int count = 0;
	while (count < 128 && fgets(line, sizeof(line), file) != NULL) {
		char root[256], place[256], options[256], type[64];
		const char *rest = strstr(line, " - ");
		MUST(sscanf(line, "%*d %*d %*s %255s %255s %255s", root, place, options) == 3 && rest != NULL ? 0 : -1);
		MUST(sscanf(rest + 3, "%63s", type) == 1 ? 0 : -1);
		/* What hides files and directories is this host's own after a restore. */
		if (strcmp(root, "/null") == 0 || strstr(root, "/.empty-directory") != NULL)
			continue;
		/* CRIU's images do not have it. */
		char *lost = strstr(options, ",nosymfollow");
		if (lost != NULL)
			*lost = 0;
		MUST(asprintf(&lines[count++], "%s %s %s\n", place, options, type));
	}
	fclose(file);
	/* Their order is that in which they were made. */
	for (int i = 0; i < count; i++)
		for (int j = i + 1; j < count; j++)
			if (strcmp(lines[j], lines[i]) < 0) {
				char *other = lines[i];
				lines[i] = lines[j];
				lines[j] = other;
			}
	text[0] = 0;
	for (int i = 0; i < count; i++) {
		strncat(text, lines[i], size - strlen(text) - 1);
		free(lines[i]);
	}
}

/* A server: answers each byte with the next one. */
static pid_t serve(int *client)
{
	int ends[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid_t child = MUST(fork());
	*client = ends[0];
	if (child != 0) {
		close(ends[1]);
		return child;
	}
	close(ends[0]);
	for (char byte; read(ends[1], &byte, 1) == 1;) {
		byte++;
		MUST(write(ends[1], &byte, 1));
	}
	exit(0);
}

static char ask(int server, char byte)
{
	MUST(write(server, &byte, 1));
	return read(server, &byte, 1) == 1 ? byte : 0;
}

static void say(const char *text)
{
	MUST(write(1, text, strlen(text)));
}

/* The first process of a container, which leads its session. */
PROGRAM(contained)
{
	static char mounts[16384], found[16384];
	struct utsname before, after;
	struct winsize size = {.ws_row = 33, .ws_col = 99}, size_found;
	char text[16] = "";
	int server, memory = MUST(open("/dev/shm/kept", O_RDWR | O_CREAT | O_TRUNC, 0600));
	bool has_terminal = isatty(0);
	pid_t self = getpid();
	MUST(getsid(0) == self ? 0 : -1);
	MUST(write(memory, "kept", 4));
	MUST(uname(&before));
	describe_mounts(mounts, sizeof(mounts));
	if (has_terminal)
		MUST(ioctl(0, TIOCSWINSZ, &size));
	pid_t child = serve(&server);
	MUST(ask(server, 'a') == 'b' ? 0 : -1);
	say("before\n");

	ready_and_wait();

	say("after\n");
	CHECK(getpid() == self && getsid(0) == self);
	CHECK(ask(server, 'x') == 'y');
	CHECK(uname(&after) == 0 && strcmp(before.nodename, after.nodename) == 0);
	CHECK(pread(memory, text, sizeof(text), 0) == 4 && strcmp(text, "kept") == 0);
	CHECK(access("/dev/shm/kept", F_OK) == 0 && access("/dev/null", W_OK) == 0);
	describe_mounts(found, sizeof(found));
	CHECK(strcmp(mounts, found) == 0);
	CHECK(isatty(0) == has_terminal);
	if (has_terminal) {
		CHECK(ioctl(0, TIOCGWINSZ, &size_found) == 0 && memcmp(&size, &size_found, sizeof(size)) == 0);
		CHECK(tcgetpgrp(0) == self && tcgetsid(0) == self);
		int console = open("/dev/console", O_WRONLY | O_NOCTTY);
		CHECK(console != -1 && write(console, "console\n", 8) == 8);
		CHECK(read(0, text, sizeof(text)) == 6 && strncmp(text, "typed\n", 6) == 0);
	}
	close(server);
	int status = -1;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}
