#include "holder.h"

/* What a link in the program's directory leads to, and a file in it. */
PROGRAM(open_cgroup)
{
	int cgroup = MUST(open(path_of("cgroup"), O_RDONLY | O_DIRECTORY));
	int tasks = MUST(openat(cgroup, "tasks", O_RDONLY));
	ready_and_wait();
	int again = openat(cgroup, "tasks", O_RDONLY);
	char own[16], text[16] = "", same[16] = "";
	snprintf(own, sizeof(own), "%d\n", getpid());
	CHECK(read(tasks, text, sizeof(text) - 1) > 0 && strcmp(text, own) == 0);
	CHECK(read(again, same, sizeof(same) - 1) > 0 && strcmp(same, own) == 0);
}
