#include "holder.h"

/* Regular files with positions, flags, duplicates and openings of their own; directories, devices and O_PATH. */
PROGRAM(path_files)
{
	const char *name = path_of("data");
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_APPEND | O_NOATIME, 0640));
	MUST(write(fd, "0123456789", 10));
	MUST(lseek(fd, 4, SEEK_SET));
	int same = MUST(fcntl(fd, F_DUPFD_CLOEXEC, 100));
	int other = MUST(open(name, O_RDONLY));
	MUST(lseek(other, 7, SEEK_SET));
	int path = MUST(open(name, O_PATH));
	int folder = MUST(open(directory, O_RDONLY | O_DIRECTORY));
	int zero = MUST(open("/dev/zero", O_RDONLY));
	MUST(chdir("/usr"));
	umask(027);
	ready_and_wait();

	char text[16];
	CHECK(lseek(same, 0, SEEK_CUR) == 4 && lseek(other, 0, SEEK_CUR) == 7);
	CHECK(read(fd, text, 3) == 3 && memcmp(text, "456", 3) == 0);
	CHECK(lseek(same, 0, SEEK_CUR) == 7);
	CHECK(write(fd, "ab", 2) == 2 && lseek(fd, 0, SEEK_CUR) == 12);
	CHECK(read(other, text, 16) == 5 && memcmp(text, "789ab", 5) == 0);
	CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NOATIME)) == (O_RDWR | O_APPEND | O_NOATIME));
	CHECK((fcntl(path, F_GETFL) & O_PATH) != 0);
	CHECK(fcntl(same, F_GETFD) == FD_CLOEXEC);
	CHECK(openat(folder, "data", O_RDONLY) >= 0);
	CHECK(read(zero, text, 1) == 1 && text[0] == 0);
	char cwd[16];
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/usr") == 0);
	CHECK(umask(0) == 027);
}
