/*
 * `holder spawn PID PROGRAM DIRECTORY` starts a program as a session leader with the pid PID, `holder start PID
 * DIRECTORY COMMAND...` any other command; `holder job PID PROGRAM DIRECTORY` runs one in the foreground of its own
 * terminal, as a shell does, and waits for its end; `holder terminal COMMAND...` provides a terminal, and `holder console
 * SOCKET` is the user of one that others provide.
 *
 * `holder PROGRAM DIRECTORY` is a program. It writes DIRECTORY/ready, waits for DIRECTORY/go, and writes
 * DIRECTORY/result: "ok", or a line for each check that failed.
 */
#include "holder.h"
#include <sched.h>
#include <linux/sched.h>
#include <semaphore.h>

extern const struct program *const __start_programs[];
extern const struct program *const __stop_programs[];

const char *directory;
int exit_status;
/* Shared with children, so that their checks count. */
static struct {
	int length;
	char text[8000];
} *report;
static pid_t root;

const char *path_of(const char *name)
{
	static char paths[8][512];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

void put_text(const char *path, const char *text)
{
	int fd = MUST(open(path, O_WRONLY | O_CREAT, 0644));
	MUST(write(fd, text, strlen(text)));
	close(fd);
}

bool has_text(const char *path, const char *text)
{
	char found[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, found, sizeof(found) - 1);
	close(fd);
	return length == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

long must(long result, const char *what, const char *file, int line)
{
	if (result != -1)
		return result;
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, strerror(errno));
	exit(1);
}

void check_that(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	int room = sizeof(report->text) - report->length;
	int written = snprintf(report->text + report->length, room, "%s:%d: %s (errno %d)\n", file, line, what, errno);
	report->length += written < room ? written : room - 1;
}

int open_namespace_of(pid_t pid, const char *kind)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	return MUST(open(path, O_RDONLY));
}

void enter_namespace_of(pid_t pid, const char *kind)
{
	int fd = open_namespace_of(pid, kind);
	MUST(setns(fd, 0));
	close(fd);
}

void sleep_ms(long milliseconds)
{
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		;
}

static void write_file(const char *name, const char *text, size_t length)
{
	/* It must be whole when it is seen. */
	char temporary[512];
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	int fd = MUST(open(path_of(temporary), O_WRONLY | O_CREAT | O_TRUNC, 0644));
	MUST(write(fd, text, length));
	close(fd);
	MUST(rename(path_of(temporary), path_of(name)));
}

void ready(void)
{
	write_file("ready", "", 0);
}

bool may_go(void)
{
	return access(path_of("go"), F_OK) == 0;
}

void ready_and_wait(void)
{
	ready();
	while (!may_go())
		sleep_ms(5);
}

/* Where the C library keeps the tid of this thread: a child made without it needs the right one there. */
static void *tid_address(void)
{
	void *address = NULL;
	MUST(prctl(PR_GET_TID_ADDRESS, &address));
	return address;
}

static pid_t clone_as(pid_t pid, uint64_t flags)
{
	struct clone_args args = {
		.flags = flags | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
		.child_tid = (uintptr_t)tid_address(),
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	void *robust_list;
	size_t size;
	MUST(syscall(SYS_get_robust_list, 0, &robust_list, &size));
	pid_t child = MUST(syscall(SYS_clone3, &args, sizeof(args)));
	/* As the C library's fork() does. */
	if (child == 0)
		MUST(syscall(SYS_set_robust_list, robust_list, size));
	return child;
}

pid_t fork_as(int number)
{
	fflush(NULL);
	return clone_as(root + number, 0);
}

pid_t fork_sharing(int number, uint64_t flags)
{
	fflush(NULL);
	return clone_as(root + number, flags);
}

/* Makes the next thread's tid that of the root task plus `number`, unless something else comes first. */
static void next_tid(int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", root + number - 1);
	int fd = MUST(open("/proc/sys/kernel/ns_last_pid", O_WRONLY));
	MUST(write(fd, text, length));
	close(fd);
}

struct thread_start {
	pid_t wanted;
	void *(*run)(void *);
	void *argument;
	sem_t decided;
	bool is_right;
};

static void *start_thread(void *argument)
{
	struct thread_start *start = argument;
	void *(*run)(void *) = start->run;
	void *inner = start->argument;
	bool is_right = gettid() == start->wanted;
	start->is_right = is_right;
	/* From here on, it may be gone. */
	sem_post(&start->decided);
	return is_right ? run(inner) : NULL;
}

pthread_t thread_as(int number, void *(*run)(void *), void *argument)
{
	char last_pid[32];
	int fd = MUST(open("/proc/sys/kernel/ns_last_pid", O_RDWR));
	struct thread_start start = {.wanted = root + number, .run = run, .argument = argument};
	sem_init(&start.decided, 0, 0);
	for (;;) {
		pthread_t thread;
		int length = MUST(pread(fd, last_pid, sizeof(last_pid), 0));
		next_tid(number);
		errno = pthread_create(&thread, NULL, start_thread, &start);
		MUST(errno == 0 ? 0 : -1);
		/* Else what others start would get pids from here on. */
		MUST(pwrite(fd, last_pid, length, 0));
		sem_wait(&start.decided);
		if (start.is_right) {
			close(fd);
			return thread;
		}
		/* Somebody else was faster. */
		pthread_join(thread, NULL);
	}
}

void end_child(void)
{
	_exit(0);
}

void join_child(pid_t pid)
{
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

static const struct program *find(const char *name)
{
	for (const struct program *const *entry = __start_programs; entry < __stop_programs; entry++)
		if (strcmp((*entry)->name, name) == 0)
			return *entry;
	fprintf(stderr, "there is no program \"%s\"\n", name);
	exit(2);
}

static int start(pid_t pid, const char *command, char **arguments)
{
	if (clone_as(pid, 0) != 0)
		return 0;
	MUST(setsid());
	int null = MUST(open("/dev/null", O_RDWR));
	int errors = MUST(open(path_of("err"), O_WRONLY | O_CREAT | O_APPEND, 0644));
	MUST(dup2(null, 0));
	MUST(dup2(null, 1));
	MUST(dup2(errors, 2));
	MUST(close_range(3, ~0U, 0));
	MUST(execvp(command, arguments));
	return 1;
}

static int run_job(pid_t pid, char **arguments)
{
	int status = 0;
	pid_t child = clone_as(pid, 0);
	if (child == 0) {
		signal(SIGTTOU, SIG_IGN);
		MUST(setpgid(0, 0));
		MUST(tcsetpgrp(0, getpid()));
		signal(SIGTTOU, SIG_DFL);
		MUST(execv("/proc/self/exe", arguments));
	}
	MUST(waitpid(child, &status, 0));
	return WEXITSTATUS(status);
}

static void run(const struct program *program)
{
	root = getpid();
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		exit(1);
	program->run();
	if (report->length == 0)
		write_file("result", "ok\n", 3);
	else
		write_file("result", report->text, report->length);
}

int main(int argc, char **argv)
{
	bool is_job = argc == 5 && strcmp(argv[1], "job") == 0;
	if (is_job || (argc == 5 && strcmp(argv[1], "spawn") == 0)) {
		directory = argv[4];
		char *arguments[] = {argv[0], argv[3], argv[4], NULL};
		find(argv[3]);
		pid_t pid = atoi(argv[2]);
		return is_job ? run_job(pid, arguments) : start(pid, "/proc/self/exe", arguments);
	}
	if (argc >= 5 && strcmp(argv[1], "start") == 0) {
		directory = argv[3];
		return start(atoi(argv[2]), argv[4], argv + 4);
	}
	if (argc >= 3 && strcmp(argv[1], "terminal") == 0)
		return emulate_terminal(argv + 2);
	if (argc == 3 && strcmp(argv[1], "console") == 0)
		return serve_console(argv[2]);
	if (argc != 3) {
		fprintf(stderr, "usage: holder [spawn PID | job PID] PROGRAM DIRECTORY, holder start PID DIRECTORY "
				"COMMAND..., holder terminal COMMAND..., or holder console SOCKET\n");
		return 2;
	}
	directory = argv[2];
	run(find(argv[1]));
	return exit_status;
}
