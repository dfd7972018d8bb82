/* Mounts of a program's own. CRIU dumps a task only whose files are all on these: so it runs again inside. */
#pragma once
#include "holder.h"

bool is_inside(void);
/* Runs the program again, with all files opened anew. */
void run_inside(const char *executable, const char *program);
const char *own_executable(void);

/* Makes a directory that may be there already. */
void make_directory(const char *path);
/* The same with those above it. */
void make_directories(const char *path);
/* Makes a file that belongs to the user 12 and the group 34. */
void make_owned(const char *path, const char *text);
/* Waits until a task has made a file of the program's own. */
void await_file(const char *name);
void copy_file(const char *from, const char *to);

/* A mount namespace, in which all mounts have that propagation (MS_*). */
void make_own_mounts(unsigned long propagation);
/* The same with only what programs need: CRIU cannot dump every file system that a machine may have. */
void leave_mounts(unsigned long propagation);

/* ST_* of the mount that a path is on. */
unsigned long flags_of(const char *path);
/* Whether what is at a path is on another file system than what is above. */
bool is_mounted(const char *path);
