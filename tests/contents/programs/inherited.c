#include "holder.h"

/* Files that somebody else provides when the program is restored: it says what it finds in them. */
PROGRAM(inherited)
{
	int file = MUST(open(path_of("data"), O_RDWR | O_CREAT, 0600));
	MUST(write(file, "old", 3));
	int tube[2];
	MUST(pipe(tube));
	close(tube[0]);
	int external = MUST(open(path_of("external"), O_RDWR | O_CREAT | O_APPEND, 0640));
	MUST(write(external, "external", 8));
	MUST(lseek(external, 4, SEEK_SET));
	int memory = MUST(memfd_create("provided", 0));
	MUST(mkfifo(path_of("fifo"), 0600));
	int fifo = MUST(open(path_of("fifo"), O_RDWR));
	MUST(dup2(file, 20));
	MUST(dup2(tube[1], 21));
	MUST(dup2(external, 22));
	MUST(dup2(memory, 23));
	MUST(dup2(fifo, 24));
	MUST(close_range(3, 19, 0));
	signal(SIGPIPE, SIG_IGN);
	ready_and_wait();

	char text[256] = "";
	CHECK(pread(20, text, sizeof(text), 0) == 3 && memcmp(text, "new", 3) == 0);
	CHECK(lseek(20, 0, SEEK_CUR) == 0);
	CHECK(write(21, "through the pipe", 16) == 16);
	CHECK((fcntl(21, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_WRONLY);
	CHECK(read(22, text, sizeof(text)) == 4 && memcmp(text, "ided", 4) == 0);
	CHECK((fcntl(22, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_RDWR | O_APPEND));
	CHECK(pread(23, text, sizeof(text), 0) == 6 && memcmp(text, "memory", 6) == 0);
	CHECK(write(24, "into the FIFO", 13) == 13);
}

/* A socket, in the place of which somebody else provides a file. */
PROGRAM(inherited_socket)
{
	int lonely = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	MUST(dup2(lonely, 20));
	MUST(close_range(3, 19, 0));
	ready_and_wait();

	CHECK(write(20, "through the socket", 18) == 18);
}
