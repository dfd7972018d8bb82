/* Reads each file of pages into fresh anonymous memory, in a process of its own, as tasks that are restored do. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_pages(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &status))
		exit(1);
	char *memory = mmap(NULL, status.st_size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		exit(1);
	for (off_t done = 0; done < status.st_size;) {
		struct iovec range = {memory + done, status.st_size - done};
		ssize_t count = preadv(fd, &range, 1, done);
		if (count <= 0)
			exit(1);
		done += count;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int failed = 0, status;
	for (int i = 1; i < argc; i++)
		if (fork() == 0)
			read_pages(argv[i]);
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
