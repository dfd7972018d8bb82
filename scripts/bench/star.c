/*
 * The yardstick: the star that bench.ts restores, made by raw system calls with the fewest writes.
 *
 * usage: star FIRST_PID COUNT SETS NAME HIERARCHY...
 *
 * A root task with pid FIRST_PID makes COUNT children with the pids that follow, in SETS groups; group i lives in the
 * cgroup NAME/wI of every HIERARCHY (a directory), the root in NAME/w0. The root walks through the groups' cgroups, so that
 * children are born where they belong. Prints the milliseconds that took, and leaves the tasks sleeping.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static pid_t make(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (__u64)(unsigned long)&pid, .set_tid_size = 1 };
	long made = syscall(SYS_clone3, &args, sizeof(args));
	if (made < 0)
		die("clone3");
	return made;
}

static void sleep_for_ever(const char *name)
{
	prctl(PR_SET_NAME, name);
	syscall(SYS_close_range, 0, ~0U, 0);
	for (;;)
		pause();
}

static void fill_cpuset(const char *parent, const char *child, const char *file)
{
	char path[512], value[256];
	int n, fd;
	snprintf(path, sizeof(path), "%s/%s", parent, file);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	n = read(fd, value, sizeof(value));
	close(fd);
	snprintf(path, sizeof(path), "%s/%s", child, file);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, n) != n)
		die(path);
	close(fd);
}

static void make_cgroup(const char *parent, const char *child)
{
	if (mkdir(child, 0755))
		die(child);
	fill_cpuset(parent, child, "cpuset.cpus");
	fill_cpuset(parent, child, "cpuset.mems");
}

int main(int argc, char **argv)
{
	double start = now();
	if (argc < 6)
		return 2;
	pid_t first = atoi(argv[1]);
	int count = atoi(argv[2]), sets = atoi(argv[3]), hierarchies = argc - 5, done[2];
	int fds[sets][hierarchies];
	for (int h = 0; h < hierarchies; h++) {
		char top[256], path[300];
		snprintf(top, sizeof(top), "%s/%s", argv[5 + h], argv[4]);
		make_cgroup(argv[5 + h], top);
		for (int s = 0; s < sets; s++) {
			snprintf(path, sizeof(path), "%s/w%d", top, s);
			make_cgroup(top, path);
			strcat(path, "/cgroup.procs");
			fds[s][h] = open(path, O_WRONLY | O_CLOEXEC);
			if (fds[s][h] < 0)
				die(path);
		}
	}
	if (pipe(done))
		die("pipe");
	if (make(first) == 0) {
		pid_t next = first + 1;
		setsid();
		for (int s = sets - 1; s >= 0; s--) {
			for (int h = 0; h < hierarchies; h++)
				if (write(fds[s][h], "0", 1) != 1)
					die("cgroup.procs");
			int n = count / sets + (s < count % sets);
			for (int i = 0; i < n; i++)
				if (make(next++) == 0)
					sleep_for_ever("worker");
		}
		if (write(done[1], "", 1) != 1)
			die("pipe");
		sleep_for_ever("master");
	}
	char byte;
	close(done[1]);
	if (read(done[0], &byte, 1) != 1)
		return 1;
	printf("%.3f\n", now() - start);
	return 0;
}
