/*
 * Programs that hold something, to be dumped and restored. Each says that it is ready, waits for "go", and then checks
 * whether it still holds what it held. `holder.c` has the rest.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct program {
	const char *name;
	void (*run)(void);
};

/* PROGRAM(pipes) { ... } makes `holder pipes DIRECTORY` run the block. */
#define PROGRAM(id)                                                                                                    \
	static void id(void);                                                                                          \
	static const struct program program_##id = {#id, id};                                                          \
	static const struct program *const entry_##id __attribute__((used, section("programs"))) = &program_##id;      \
	static void id(void)

/* The directory for the program's own files; absolute. */
extern const char *directory;

/* With which the root task ends, when it has said what it found; 0 at first. */
extern int exit_status;

/* The path of a file in it; static memory, of which the last eight answers stay valid. */
const char *path_of(const char *name);

/* Writes a text to a file, which is made if it is not there; what the file has behind the text stays. */
void put_text(const char *path, const char *text);
/* Whether a file, of 255 bytes at most, has just this text. */
bool has_text(const char *path, const char *text);

/* What comes from one descriptor is written to the other; returns whether there may be more. */
bool pass_on(int from, int to);

/* Takes the terminal that a container runtime passes through a new socket, and is its user; returns 0. */
int serve_console(const char *socket);

/* Runs a command with a terminal of its own, to which standard input and output lead; returns its exit status. */
int emulate_terminal(char **command);

/* Says that all is set up, and waits until it may go on. For the root task only. */
void ready_and_wait(void);
/* The two halves: a program that shall be dumped in a call of its own tells first, and asks in between. */
void ready(void);
bool may_go(void);

/* Notes that something is not as it was; the program goes on. */
#define CHECK(condition) check_that(condition, #condition, __FILE__, __LINE__)
void check_that(bool holds, const char *what, const char *file, int line);
/* For what must not fail before the dump: says why, and ends the program. */
#define MUST(call) must((long)(call), #call, __FILE__, __LINE__)
long must(long result, const char *what, const char *file, int line);

/* Like fork(2), with the pid of the root task plus `number`: tests reserve 32 pids for a program. */
pid_t fork_as(int number);
/* The same with flags of clone(2). */
pid_t fork_sharing(int number, uint64_t flags);
/* A thread with the tid of the root task plus `number`. */
pthread_t thread_as(int number, void *(*run)(void *), void *argument);
/* Ends a child of a program: what it has checked counts. Its parent waits for it with `join_child`. */
void end_child(void) __attribute__((noreturn));
void join_child(pid_t pid);

/* Opens the namespace of a process that /proc/PID/ns calls so. */
int open_namespace_of(pid_t pid, const char *kind);
/* Enters it. */
void enter_namespace_of(pid_t pid, const char *kind);

void sleep_ms(long milliseconds);
