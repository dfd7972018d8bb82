/* Tasks and threads under profiles of AppArmor, each of which forbids one file: `profiles_test.ts` has them loaded. */
#include "holder.h"

static const char *const FORBIDS_ONE = "cgrestore-test-one", *const FORBIDS_TWO = "cgrestore-test-two";

static const char *name_of_thread(const char *file)
{
	static _Thread_local char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%ld/attr/apparmor/%s", syscall(SYS_gettid), file);
	return path;
}

static void change_profile(const char *profile)
{
	char command[128];
	int length = snprintf(command, sizeof(command), "changeprofile %s", profile);
	int fd = MUST(open(name_of_thread("current"), O_WRONLY));
	MUST(write(fd, command, length) == length ? 0 : -1);
	close(fd);
}

static bool is_under(const char *profile)
{
	char text[128] = "";
	int fd = MUST(open(name_of_thread("current"), O_RDONLY));
	ssize_t length = MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	text[strcspn(text, " \n")] = 0;
	return length > 0 && strcmp(text, profile) == 0;
}

static bool may_read(const char *name)
{
	int fd = open(path_of(name), O_RDONLY);
	CHECK(fd >= 0 || errno == EACCES);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static pthread_barrier_t barrier;

static void *under_two(void *unused)
{
	change_profile(FORBIDS_TWO);
	pthread_barrier_wait(&barrier);
	while (!may_go())
		sleep_ms(5);
	CHECK(is_under(FORBIDS_TWO) && may_read("one") && !may_read("two"));
	return unused;
}

/* A task under one profile with a thread under another; a user without privileges; one that nothing confines. */
PROGRAM(profiles)
{
	for (int i = 0; i < 2; i++)
		close(MUST(open(path_of(i == 0 ? "one" : "two"), O_CREAT | O_WRONLY, 0644)));
	pthread_barrier_init(&barrier, NULL, 2);
	int ends[2];
	MUST(pipe(ends));
	pid_t user = fork_as(1);
	if (user == 0) {
		char byte;
		change_profile(FORBIDS_TWO);
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		MUST(setresgid(1000, 1000, 1000));
		MUST(setresuid(1000, 1000, 1000));
		MUST(prctl(PR_SET_DUMPABLE, 1));
		CHECK(read(ends[0], &byte, 1) == 1 && is_under(FORBIDS_TWO));
		end_child();
	}
	pid_t free_one = fork_as(2);
	if (free_one == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(is_under("unconfined") && may_read("one") && may_read("two"));
		end_child();
	}
	pthread_t thread = thread_as(3, under_two, NULL);
	change_profile(FORBIDS_ONE);
	pthread_barrier_wait(&barrier);
	sleep_ms(20);
	ready_and_wait();
	CHECK(is_under(FORBIDS_ONE) && !may_read("one") && may_read("two"));
	CHECK(write(ends[1], "x", 1) == 1);
	pthread_join(thread, NULL);
	join_child(user);
	join_child(free_one);
}
