#include "holder.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#define CLIENTS 3
#define LINE 64

/* What the server knows of a connection: the part of a line that has come so far. */
struct connection {
	int fd;
	int length;
	char line[LINE];
};

static struct connection connections[16];
static int epoll, listener, stop, ticker, served, ticks;

static void watch(int fd, uint32_t events, void *what)
{
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.ptr = what}));
}

static void accept_all(void)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) != -1) {
		for (int i = 0; i < 16; i++) {
			if (connections[i].fd != 0)
				continue;
			connections[i] = (struct connection){.fd = fd};
			watch(fd, EPOLLIN | EPOLLET, &connections[i]);
			break;
		}
	}
}

/* Answers each line with its number among all lines. */
static void serve(struct connection *connection)
{
	char byte, answer[LINE + 16];
	ssize_t result;
	while ((result = read(connection->fd, &byte, 1)) == 1) {
		connection->line[connection->length++ % LINE] = byte;
		if (byte != '\n')
			continue;
		int length = snprintf(answer, sizeof(answer), "%d %.*s", ++served, connection->length, connection->line);
		CHECK(write(connection->fd, answer, length) == length);
		connection->length = 0;
	}
	if (result == 0) {
		close(connection->fd);
		connection->fd = 0;
	}
}

static void *run_server(void *unused)
{
	for (;;) {
		struct epoll_event events[4];
		int count = epoll_wait(epoll, events, 4, -1);
		for (int i = 0; i < count; i++) {
			uint64_t number;
			if (events[i].data.ptr == &listener)
				accept_all();
			else if (events[i].data.ptr == &ticker)
				ticks += read(ticker, &number, 8) == 8;
			else if (events[i].data.ptr == &stop)
				return unused;
			else
				serve(events[i].data.ptr);
		}
	}
}

static int dial(const struct sockaddr *address, socklen_t length)
{
	int fd = MUST(socket(address->sa_family, SOCK_STREAM, 0));
	MUST(connect(fd, address, length));
	return fd;
}

static bool answers(int fd, const char *line)
{
	char text[LINE + 16] = "";
	for (size_t length = 0; length < sizeof(text) - 1 && strchr(text, '\n') == NULL; length++)
		if (read(fd, text + length, 1) != 1)
			return false;
	const char *rest = strchr(text, ' ');
	return rest != NULL && strcmp(rest + 1, line) == 0;
}

/* A server that waits for events in a thread of its own; clients that have said half of what they want. */
PROGRAM(server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, "server.socket");
	MUST(chdir(directory));
	listener = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	MUST(listen(listener, 8));
	epoll = MUST(epoll_create1(0));
	stop = MUST(eventfd(0, 0));
	ticker = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec often = {{0, 5000000}, {0, 5000000}};
	MUST(timerfd_settime(ticker, 0, &often, NULL));
	watch(listener, EPOLLIN, &listener);
	watch(ticker, EPOLLIN, &ticker);
	watch(stop, EPOLLIN, &stop);
	pthread_t thread = thread_as(1, run_server, NULL);

	int said[2];
	pid_t clients[CLIENTS];
	MUST(pipe(said));
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = fork_as(2 + i);
		if (clients[i] != 0)
			continue;
		int fd = dial((struct sockaddr *)&address, sizeof(address));
		CHECK(write(fd, "hello\nhal", 9) == 9 && answers(fd, "hello\n"));
		MUST(write(said[1], "x", 1));
		while (!may_go())
			sleep_ms(5);
		CHECK(write(fd, "f\n", 2) == 2 && answers(fd, "half\n"));
		end_child();
	}
	char byte;
	for (int i = 0; i < CLIENTS; i++)
		MUST(read(said[0], &byte, 1));
	ready_and_wait();

	int before = __atomic_load_n(&ticks, __ATOMIC_RELAXED);
	for (int i = 0; i < CLIENTS; i++)
		join_child(clients[i]);
	int fd = dial((struct sockaddr *)&address, sizeof(address));
	CHECK(write(fd, "new\n", 4) == 4 && answers(fd, "new\n"));
	for (int waited = 0; waited < 2000 && __atomic_load_n(&ticks, __ATOMIC_RELAXED) <= before + 2; waited++)
		sleep_ms(5);
	CHECK(__atomic_load_n(&ticks, __ATOMIC_RELAXED) > before + 2);
	CHECK(write(stop, &(uint64_t){1}, 8) == 8 && pthread_join(thread, NULL) == 0);
	CHECK(served == 2 * CLIENTS + 1);
}
