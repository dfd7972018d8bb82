/*
 * Makes a tree of tasks as a script says, and leaves it waiting: something for CRIU to dump.
 *
 *     tree_program SCRIPT
 *
 * Each line of SCRIPT is one step, "ACTOR VERB [NUMBER] [TEXT...]", done by the task or thread whose id is ACTOR.
 * Steps are done in the order of the lines, each after the one before is complete, whoever does them:
 *
 *     A fork PID            clone3 with set_tid
 *     A thread TID          the same, a thread of A's task
 *     A name TEXT           comm of the task or thread A
 *     A setsid
 *     A setpgid GROUP       setpgid(0, GROUP)
 *     A subreaper 1|0       PR_SET_CHILD_SUBREAPER
 *     A write PATH TEXT     one write(2): "0" to a file "tasks" moves the thread A
 *     A exit CODE           ends the task, the next step can follow before it is a zombie
 *     A die SIGNAL          ends the task with a signal
 *     A stop SIGNAL         stops the task; the last thing it does
 *     A await PID           waits until the child PID is a zombie, and leaves it
 *     A stopped PID         waits until the child PID is stopped
 *     A reap PID            waits for the child PID
 *
 * ACTOR of the first line is the root: it is made by the program, as a session leader whose standard files are
 * /dev/null. The program itself stays outside the tree. It writes "done\n" when every step is complete, or
 * "step N: errno E\n" when one fails, then reaps what comes its way and ends when no task is left.
 *
 * It uses no libc: threads are made by clone3 as well, and share the leader's thread-local storage.
 */
#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define MAX_STEPS 8192
#define MAX_SCRIPT (1 << 20)
#define MAX_THREADS 64
#define STACK_SIZE 8192

#ifndef __x86_64__
#error "tree_program knows the system calls of x86-64 only"
#endif

enum verb { FORK, THREAD, NAME, SETSID, SETPGID, SUBREAPER, WRITE, EXIT, DIE, STOP, AWAIT, STOPPED, REAP, UNKNOWN };

static const char *const verb_names[] = {"fork", "thread", "name", "setsid", "setpgid", "subreaper", "write",
					 "exit", "die",	   "stop", "await",  "stopped", "reap"};

struct step {
	int actor;
	enum verb verb;
	long number;
	char *path, *text;
};

/* In memory that all tasks share. */
struct progress {
	int complete;
	int failed_step, failed_errno;
};

static struct step steps[MAX_STEPS];
static int step_count;
static char script[MAX_SCRIPT];
static char stacks[MAX_THREADS][STACK_SIZE] __attribute__((aligned(16)));
static int threads_made;
static volatile struct progress *progress;

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define CALL0(n) call(__NR_##n, 0, 0, 0, 0, 0, 0)
#define CALL1(n, a) call(__NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) call(__NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) call(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

void *memset(void *to, int value, unsigned long size)
{
	for (char *p = to; size > 0; size--)
		*p++ = (char)value;
	return to;
}

static long length(const char *text)
{
	long n = 0;
	while (text[n])
		n++;
	return n;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void print_number(long number)
{
	char digits[24], *p = digits + sizeof(digits);
	do
		*--p = (char)('0' + number % 10);
	while (number /= 10);
	CALL3(write, 1, p, digits + sizeof(digits) - p);
}

static void print(const char *text)
{
	CALL3(write, 1, text, length(text));
}

static void wake(void)
{
	CALL3(futex, &progress->complete, FUTEX_WAKE, 0x7fffffff);
}

/* Hands on to the actor of the next step. */
static void complete(void)
{
	__atomic_add_fetch(&progress->complete, 1, __ATOMIC_SEQ_CST);
	wake();
}

static void fail(int step, long error)
{
	progress->failed_errno = (int)-error;
	progress->failed_step = step + 1;
	wake();
}

static void run(long self);

static long fork_as(int pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (unsigned long)&pid, .set_tid_size = 1};
	return CALL2(clone3, &args, sizeof(args));
}

/* clone3 onto a new stack: nothing of this frame exists in the thread, so it goes on from registers. */
static long clone_thread(struct clone_args *args, long self)
{
	register long r12 __asm__("r12") = (long)run, r13 __asm__("r13") = self;
	long result;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(result)
			 : "a"(__NR_clone3), "D"(args), "S"(sizeof(*args)), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return result;
}

static long make_thread(int tid)
{
	if (threads_made == MAX_THREADS)
		return -12;
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		.stack = (unsigned long)stacks[threads_made++],
		.stack_size = STACK_SIZE,
		.set_tid = (unsigned long)&tid,
		.set_tid_size = 1};
	return clone_thread(&args, tid);
}

static long write_file(const char *path, const char *text)
{
	long fd = CALL3(open, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	long written = CALL3(write, fd, text, length(text));
	CALL1(close, fd);
	return written < 0 ? written : 0;
}

static long act(const struct step *step)
{
	switch (step->verb) {
	case FORK: {
		long pid = fork_as((int)step->number);
		if (pid == 0)
			run(step->number);
		return pid;
	}
	case THREAD:
		return make_thread((int)step->number);
	case NAME:
		return CALL5(prctl, PR_SET_NAME, step->text, 0, 0, 0);
	case SETSID:
		return CALL0(setsid);
	case SETPGID:
		return CALL2(setpgid, 0, step->number);
	case SUBREAPER:
		return CALL5(prctl, PR_SET_CHILD_SUBREAPER, step->number, 0, 0, 0);
	case WRITE:
		return write_file(step->path, step->text);
	case AWAIT:
		return CALL5(waitid, P_PID, step->number, 0, WEXITED | WNOWAIT, 0);
	case STOPPED:
		return CALL5(waitid, P_PID, step->number, 0, WSTOPPED | WNOWAIT, 0);
	case REAP:
		return CALL4(wait4, step->number, 0, 0, 0);
	default:
		return -22;
	}
}

/* What a task cannot do and then say that it is complete. */
static int is_ending(enum verb verb)
{
	return verb == EXIT || verb == DIE || verb == STOP;
}

static void end(const struct step *step)
{
	complete();
	if (step->verb == EXIT)
		CALL1(exit_group, step->number);
	CALL2(kill, CALL0(getpid), step->number);
}

static void run(long self)
{
	for (;;) {
		int now = progress->complete;
		if (progress->failed_step || now >= step_count)
			break;
		const struct step *step = &steps[now];
		if (step->actor != self) {
			CALL4(futex, &progress->complete, FUTEX_WAIT, now, 0);
			continue;
		}
		if (is_ending(step->verb)) {
			end(step);
			continue;
		}
		long result = act(step);
		if (result < 0)
			fail(now, result);
		else
			complete();
	}
	for (;;)
		CALL0(pause);
}

static long parse_number(const char *text)
{
	long number = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + *text - '0';
	return number;
}

/* Cuts off the word at *cursor. */
static char *next_word(char **cursor)
{
	char *word = *cursor, *p = word;
	while (*p && *p != ' ')
		p++;
	*cursor = p;
	if (*p) {
		*p = 0;
		*cursor = p + 1;
	}
	return word;
}

static enum verb parse_verb(const char *word)
{
	int verb = 0;
	while (verb < UNKNOWN && !same(word, verb_names[verb]))
		verb++;
	return (enum verb)verb;
}

static void parse_line(char *line)
{
	struct step *step = &steps[step_count++];
	step->actor = (int)parse_number(next_word(&line));
	step->verb = parse_verb(next_word(&line));
	if (step->verb == WRITE)
		step->path = next_word(&line);
	step->number = parse_number(line);
	step->text = line;
}

static int parse_script(const char *file)
{
	long fd = CALL3(open, file, O_RDONLY, 0), size = 0, got;
	if (fd < 0)
		return 0;
	while ((got = CALL3(read, fd, script + size, MAX_SCRIPT - 1 - size)) > 0)
		size += got;
	CALL1(close, fd);
	for (char *line = script; *line && step_count < MAX_STEPS;) {
		char *end_of_line = line;
		while (*end_of_line && *end_of_line != '\n')
			end_of_line++;
		char *next = *end_of_line ? end_of_line + 1 : end_of_line;
		*end_of_line = 0;
		if (*line)
			parse_line(line);
		line = next;
	}
	return step_count;
}

static void become_root(long pid)
{
	long null = CALL3(open, "/dev/null", O_RDWR, 0);
	for (int fd = 0; fd < 3; fd++)
		CALL2(dup2, null, fd);
	CALL3(close_range, 3, ~0U, 0);
	CALL1(chdir, "/");
	CALL0(setsid);
	run(pid);
}

static void report(void)
{
	int now;
	while ((now = progress->complete) < step_count && !progress->failed_step)
		CALL4(futex, &progress->complete, FUTEX_WAIT, now, 0);
	if (progress->failed_step) {
		print("step ");
		print_number(progress->failed_step);
		print(": errno ");
		print_number(progress->failed_errno);
		print("\n");
	} else {
		print("done\n");
	}
}

__attribute__((used)) static void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	if (stack[0] != 2 || !parse_script(argv[1])) {
		print("usage: tree_program SCRIPT\n");
		CALL1(exit_group, 2);
	}
	long page = call(__NR_mmap, 0, 4096, 3 /* read, write */, 0x21 /* shared, anonymous */, -1, 0);
	progress = (struct progress *)page;
	CALL5(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	long pid = fork_as(steps[0].actor);
	if (pid == 0)
		become_root(steps[0].actor);
	if (pid < 0)
		fail(-1, pid);
	report();
	long result;
	while ((result = CALL4(wait4, -1, 0, 0x40000000 /* __WALL */, 0)) > 0 || result == -4)
		;
	CALL1(exit_group, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n\thlt\n");
