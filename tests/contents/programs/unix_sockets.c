#include "holder.h"
#include <linux/filter.h>
#include <poll.h>
#include <stddef.h>
#include <sys/un.h>

/* The path of a file of the program's, for good. */
static const char *new_path(const char *name)
{
	return strdup(path_of(name));
}

/* The address of a path, or of an abstract name, which begins with a NUL; `length` counts it. */
static socklen_t address_of(struct sockaddr_un *address, const char *name, size_t length)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, length);
	return offsetof(struct sockaddr_un, sun_path) + length;
}

static int new_socket(int type)
{
	return MUST(socket(AF_UNIX, type, 0));
}

static void bind_to(int fd, const char *name, size_t length)
{
	struct sockaddr_un address;
	socklen_t size = address_of(&address, name, length);
	MUST(bind(fd, (struct sockaddr *)&address, size));
}

static int try_connect(int fd, const char *name, size_t length)
{
	struct sockaddr_un address;
	socklen_t size = address_of(&address, name, length);
	return connect(fd, (struct sockaddr *)&address, size);
}

static int bound(int type, const char *path)
{
	int fd = new_socket(type);
	bind_to(fd, path, strlen(path) + 1);
	return fd;
}

static int connected(int type, const char *path)
{
	int fd = new_socket(type);
	MUST(try_connect(fd, path, strlen(path) + 1));
	return fd;
}

static int listening(int type, const char *path, int backlog)
{
	int fd = bound(type, path);
	MUST(listen(fd, backlog));
	return fd;
}

/* A name that no other test has. */
static size_t abstract_name(char *name, const char *suffix)
{
	return 1 + snprintf(name + 1, 100, "cgr-%d-%s", getpid(), suffix) + (name[0] = 0);
}

/* Whether getsockname(2), or getpeername(2), gives these bytes. */
static bool is_named(int fd, int (*get)(int, struct sockaddr *, socklen_t *), const char *name, size_t length)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);
	if (get(fd, (struct sockaddr *)&address, &size) == -1)
		return false;
	return size == offsetof(struct sockaddr_un, sun_path) + length && memcmp(address.sun_path, name, length) == 0;
}

static bool has_path(int fd, const char *path)
{
	return is_named(fd, getsockname, path, strlen(path) + 1);
}

static bool has_no_name(int fd)
{
	return is_named(fd, getsockname, "", 0);
}

static bool receives(int fd, const char *text)
{
	char buffer[256];
	ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	return length == (ssize_t)strlen(text) && memcmp(buffer, text, length) == 0;
}

static bool has_nothing(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

static bool is_at_end(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void put(int fd, const char *text)
{
	MUST(send(fd, text, strlen(text), 0));
}

static bool sends(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static bool talk(int one, int other)
{
	return sends(one, "ping") && receives(other, "ping") && sends(other, "pong") && receives(one, "pong");
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	MUST(getsockopt(fd, SOL_SOCKET, name, &value, &size));
	return value;
}

static void set(int fd, int name, int value)
{
	MUST(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)));
}

static const int TYPES[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

/* Pairs with something under way in both directions, with flags and duplicates. */
PROGRAM(unix_pairs)
{
	int pairs[3][2];
	for (int i = 0; i < 3; i++) {
		MUST(socketpair(AF_UNIX, TYPES[i], 0, pairs[i]));
		put(pairs[i][0], "to the second");
		put(pairs[i][0], ", again");
		put(pairs[i][1], "to the first");
	}
	int flagged[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, flagged));
	int copy = MUST(dup(flagged[1]));
	ready_and_wait();

	for (int i = 0; i < 3; i++) {
		if (TYPES[i] == SOCK_STREAM)
			CHECK(receives(pairs[i][1], "to the second, again"));
		else
			CHECK(receives(pairs[i][1], "to the second") && receives(pairs[i][1], ", again"));
		CHECK(receives(pairs[i][0], "to the first"));
		CHECK(has_nothing(pairs[i][0]) && has_nothing(pairs[i][1]));
		CHECK(talk(pairs[i][0], pairs[i][1]));
		CHECK(has_no_name(pairs[i][0]) && has_no_name(pairs[i][1]));
	}
	char byte;
	CHECK(read(flagged[0], &byte, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(flagged[0], F_GETFD) == FD_CLOEXEC && fcntl(copy, F_GETFD) == 0);
	CHECK(fcntl(pairs[0][0], F_GETFL) == O_RDWR && fcntl(flagged[1], F_GETFL) == (O_RDWR | O_NONBLOCK));
	CHECK(talk(flagged[0], copy));
	close(pairs[0][0]);
	CHECK(is_at_end(pairs[0][1]));
}

/* The ends of a pair in two tasks, and a socket that three tasks share. */
PROGRAM(unix_shared_pairs)
{
	int pair[2], shared[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, shared));
	put(pair[0], "early");
	pid_t children[2];
	for (int i = 0; i < 2; i++) {
		children[i] = fork_as(1 + i);
		if (children[i] != 0)
			continue;
		close(pair[0]);
		close(shared[0]);
		char text[16];
		CHECK(recv(shared[1], text, sizeof(text), 0) == 2 && memcmp(text, "go", 2) == 0);
		if (i == 0) {
			CHECK(recv(pair[1], text, sizeof(text), 0) == 5 && memcmp(text, "early", 5) == 0);
			CHECK(sends(pair[1], "late"));
		}
		end_child();
	}
	close(pair[1]);
	ready_and_wait();

	CHECK(sends(shared[0], "go") && sends(shared[0], "go"));
	join_child(children[0]);
	join_child(children[1]);
	CHECK(receives(pair[0], "late") && is_at_end(pair[0]));
	CHECK(sends(shared[1], "self") && receives(shared[0], "self"));
}

/* Connections made by name: their ends know how they are called. */
PROGRAM(unix_connections)
{
	const char *path = new_path("server");
	char name[128], own[128];
	size_t length = abstract_name(name, "server"), own_length = abstract_name(own, "client");

	int server = listening(SOCK_STREAM, path, 5);
	int client = connected(SOCK_STREAM, path);
	int accepted = MUST(accept(server, NULL, NULL));
	put(client, "question");
	put(accepted, "answer");

	/* Nobody listens any more. */
	int past = new_socket(SOCK_SEQPACKET);
	bind_to(past, name, length);
	MUST(listen(past, 1));
	int named = new_socket(SOCK_SEQPACKET), nameless = new_socket(SOCK_SEQPACKET);
	bind_to(named, own, own_length);
	MUST(try_connect(named, name, length));
	int one = MUST(accept(past, NULL, NULL));
	MUST(try_connect(nameless, name, length));
	int other = MUST(accept(past, NULL, NULL));
	close(past);
	ready_and_wait();

	CHECK(receives(accepted, "question") && receives(client, "answer"));
	CHECK(talk(client, accepted) && talk(named, one) && talk(nameless, other));
	CHECK(has_path(server, path));
	CHECK(has_no_name(client) && has_no_name(nameless));
	int late = connected(SOCK_STREAM, path);
	int late_accepted = accept(server, NULL, NULL);
	CHECK(late_accepted >= 0 && talk(late, late_accepted));
}

/* What CRIU does not give back: names of sockets that are connected. */
PROGRAM(unix_connection_names)
{
	const char *path = new_path("server"), *gone = new_path("gone");
	char name[128], own[128];
	size_t length = abstract_name(name, "server"), own_length = abstract_name(own, "client");

	int server = listening(SOCK_STREAM, path, 5);
	int client = connected(SOCK_STREAM, path);
	int accepted = MUST(accept(server, NULL, NULL));

	int past = new_socket(SOCK_SEQPACKET);
	bind_to(past, name, length);
	MUST(listen(past, 1));
	int named = new_socket(SOCK_SEQPACKET);
	bind_to(named, own, own_length);
	MUST(try_connect(named, name, length));
	int one = MUST(accept(past, NULL, NULL));
	close(past);

	int removed = listening(SOCK_STREAM, gone, 1);
	int chosen = new_socket(SOCK_STREAM);
	bind_to(chosen, "", 0);
	MUST(try_connect(chosen, gone, strlen(gone) + 1));
	int last = MUST(accept(removed, NULL, NULL));
	close(removed);
	MUST(unlink(gone));
	struct sockaddr_un choice;
	socklen_t choice_size = sizeof(choice);
	MUST(getsockname(chosen, (struct sockaddr *)&choice, &choice_size));

	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ready_and_wait();

	CHECK(talk(client, accepted) && talk(named, one) && talk(chosen, last));
	CHECK(has_path(accepted, path) && is_named(client, getpeername, path, strlen(path) + 1));
	CHECK(has_no_name(client) && is_named(accepted, getpeername, "", 0));
	CHECK(is_named(one, getsockname, name, length) && is_named(one, getpeername, own, own_length));
	CHECK(is_named(named, getsockname, own, own_length) && is_named(named, getpeername, name, length));
	size_t choice_length = choice_size - offsetof(struct sockaddr_un, sun_path);
	CHECK(is_named(chosen, getsockname, choice.sun_path, choice_length));
	CHECK(has_path(last, gone) && is_named(last, getpeername, choice.sun_path, choice_length));
	CHECK(has_no_name(pair[0]) && is_named(pair[0], getpeername, "", 0));
	CHECK(access(gone, F_OK) == -1);
	/* Its name is taken, and that of the socket which listened is not. */
	int again = new_socket(SOCK_SEQPACKET);
	CHECK(try_connect(again, name, length) == -1 && errno == ECONNREFUSED);
	CHECK(try_connect(again, own, own_length) == -1 && errno == ECONNREFUSED);
	bind_to(again, name, length);
}

/* Connections that nobody has accepted yet, one of them half closed. */
PROGRAM(unix_pending)
{
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 2);
	int first = connected(SOCK_STREAM, path);
	int second = new_socket(SOCK_STREAM);
	bind_to(second, path_of("second"), strlen(path_of("second")) + 1);
	MUST(try_connect(second, path, strlen(path) + 1));
	MUST(shutdown(second, SHUT_WR));
	int third = connected(SOCK_STREAM, path);
	ready_and_wait();

	/* The backlog is full. */
	int late = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	CHECK(try_connect(late, path, strlen(path) + 1) == -1 && errno == EAGAIN);
	int accepted[3];
	for (int i = 0; i < 3; i++)
		accepted[i] = MUST(accept(server, NULL, NULL));
	CHECK(talk(first, accepted[0]) && talk(third, accepted[2]));
	CHECK(sends(accepted[1], "half") && receives(second, "half"));
	CHECK(is_at_end(accepted[1]) && !sends(second, "none"));
	CHECK(has_path(accepted[0], path));
	CHECK(try_connect(late, path, strlen(path) + 1) == 0);
}

/* Connections that are shut down in part, with something under way. */
PROGRAM(unix_half_closed)
{
	static const int HOW[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
	int pairs[2][3][2], datagrams[2];
	for (int type = 0; type < 2; type++) {
		for (int how = 0; how < 3; how++) {
			int *pair = pairs[type][how];
			MUST(socketpair(AF_UNIX, TYPES[type], 0, pair));
			put(pair[0], "sent");
			put(pair[1], "received");
			MUST(shutdown(pair[0], HOW[how]));
		}
	}
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
	put(datagrams[1], "datagram");
	MUST(shutdown(datagrams[0], SHUT_RD));
	int alone = new_socket(SOCK_STREAM);
	MUST(shutdown(alone, SHUT_WR));
	ready_and_wait();

	for (int type = 0; type < 2; type++) {
		int *pair = pairs[type][0];
		CHECK(receives(pair[0], "received") && is_at_end(pair[0]));
		CHECK(receives(pair[1], "sent") && has_nothing(pair[1]));
		CHECK(sends(pair[0], "more") && receives(pair[1], "more"));
		CHECK(!sends(pair[1], "none") && errno == EPIPE);

		pair = pairs[type][1];
		CHECK(receives(pair[1], "sent") && is_at_end(pair[1]));
		CHECK(receives(pair[0], "received") && has_nothing(pair[0]));
		CHECK(sends(pair[1], "more") && receives(pair[0], "more"));
		CHECK(!sends(pair[0], "none") && errno == EPIPE);

		pair = pairs[type][2];
		CHECK(receives(pair[0], "received") && is_at_end(pair[0]));
		CHECK(receives(pair[1], "sent") && is_at_end(pair[1]));
		CHECK(!sends(pair[0], "none") && !sends(pair[1], "none"));
	}
	CHECK(receives(datagrams[0], "datagram"));
	CHECK(!sends(datagrams[1], "none") && errno == EPIPE);
	CHECK(sends(datagrams[0], "more") && receives(datagrams[1], "more"));
	/* What has been shut down before it is connected stays so. */
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 1);
	CHECK(try_connect(alone, path, strlen(path) + 1) == 0);
	int accepted = MUST(accept(server, NULL, NULL));
	CHECK(!sends(alone, "none") && has_nothing(accepted));
}

/* A socket that was shut down before it was connected: the other end does not see that. */
PROGRAM(unix_shut_down_before)
{
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 1);
	int reader = new_socket(SOCK_STREAM), writer = new_socket(SOCK_STREAM);
	MUST(shutdown(reader, SHUT_WR));
	MUST(shutdown(writer, SHUT_RD));
	MUST(try_connect(reader, path, strlen(path) + 1));
	int to_reader = MUST(accept(server, NULL, NULL));
	MUST(try_connect(writer, path, strlen(path) + 1));
	int from_writer = MUST(accept(server, NULL, NULL));
	put(to_reader, "read");
	put(writer, "written");
	ready_and_wait();

	CHECK(receives(reader, "read") && !sends(reader, "none"));
	CHECK(has_nothing(to_reader) && sends(to_reader, "more") && receives(reader, "more"));
	CHECK(receives(from_writer, "written") && has_nothing(from_writer));
	CHECK(is_at_end(writer) && sends(writer, "more") && receives(from_writer, "more"));
	CHECK(!sends(from_writer, "none"));
}

/* Connections whose other end is gone, and has left something. */
PROGRAM(unix_closed_peers)
{
	int pairs[3][2];
	for (int i = 0; i < 3; i++) {
		MUST(socketpair(AF_UNIX, TYPES[i], 0, pairs[i]));
		put(pairs[i][1], "last");
		put(pairs[i][1], " words");
		close(pairs[i][1]);
	}
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 1);
	int client = connected(SOCK_STREAM, path);
	int accepted = MUST(accept(server, NULL, NULL));
	put(client, "goodbye");
	close(client);
	int left = connected(SOCK_STREAM, path);
	int leaving = MUST(accept(server, NULL, NULL));
	put(leaving, "farewell");
	close(leaving);
	ready_and_wait();

	CHECK(receives(pairs[0][0], "last words") && is_at_end(pairs[0][0]));
	for (int i = 1; i < 3; i++)
		CHECK(receives(pairs[i][0], "last") && receives(pairs[i][0], " words"));
	CHECK(is_at_end(pairs[1][0]) && has_nothing(pairs[2][0]));
	for (int i = 0; i < 2; i++)
		CHECK(!sends(pairs[i][0], "none") && errno == EPIPE);
	CHECK(receives(accepted, "goodbye") && is_at_end(accepted) && !sends(accepted, "none"));
	CHECK(receives(left, "farewell") && is_at_end(left) && !sends(left, "none"));
}

/* A datagram socket notices once that its peer is gone. */
PROGRAM(unix_dead_datagram_peer)
{
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	/* More than the queue takes from anybody else. */
	set(pair[1], SO_SNDBUFFORCE, 1 << 20);
	for (int i = 0; i < 600; i++)
		put(pair[1], "last");
	close(pair[1]);
	ready_and_wait();

	for (int i = 0; i < 600; i++)
		CHECK(receives(pair[0], "last"));
	CHECK(!sends(pair[0], "none") && errno == ECONNREFUSED);
	CHECK(!sends(pair[0], "none") && errno == ENOTCONN);
}

/* Who sent a datagram, as a path. */
static bool receives_from(int fd, const char *text, const char *path)
{
	char buffer[64];
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address);
	ssize_t length = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&address, &size);
	return length == (ssize_t)strlen(text) && memcmp(buffer, text, length) == 0 && strcmp(address.sun_path, path) == 0;
}

/* Datagram sockets that are connected to one with a name. */
PROGRAM(unix_datagrams)
{
	const char *server_path = new_path("server"), *client_path = new_path("client");
	int server = bound(SOCK_DGRAM, server_path);
	int client = bound(SOCK_DGRAM, client_path);
	MUST(try_connect(client, server_path, strlen(server_path) + 1));
	put(client, "one");
	put(client, "two");
	int other = connected(SOCK_DGRAM, server_path);
	/* Connected to itself, with something in its queue. */
	int self = bound(SOCK_DGRAM, path_of("self"));
	MUST(try_connect(self, path_of("self"), strlen(path_of("self")) + 1));
	put(self, "monologue");
	/* Nobody is connected to it; who sent this is gone. */
	int waiting = bound(SOCK_DGRAM, path_of("waiting"));
	int passer = connected(SOCK_DGRAM, path_of("waiting"));
	put(passer, "in passing");
	close(passer);
	int unbound = new_socket(SOCK_DGRAM);
	ready_and_wait();

	CHECK(receives_from(server, "one", client_path) && receives_from(server, "two", client_path));
	CHECK(sends(other, "three") && receives_from(server, "three", ""));
	CHECK(has_path(server, server_path) && has_path(client, client_path) && has_no_name(other));
	CHECK(receives(self, "monologue") && sends(self, "more") && receives(self, "more"));
	CHECK(receives(waiting, "in passing"));
	CHECK(!sends(unbound, "none") && errno == ENOTCONN);
	CHECK(try_connect(unbound, server_path, strlen(server_path) + 1) == 0 && sends(unbound, "four"));
	CHECK(receives_from(server, "four", ""));
	CHECK(try_connect(server, client_path, strlen(client_path) + 1) == 0 && talk(client, server));
}

/* Chains: who is connected takes datagrams from that one only, but what it has got before stays. */
PROGRAM(unix_datagram_chain)
{
	char paths[4][128];
	int sockets[4];
	for (int i = 0; i < 4; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/link%d", directory, i);
		sockets[i] = bound(SOCK_DGRAM, paths[i]);
	}
	for (int i = 0; i < 3; i++) {
		MUST(try_connect(sockets[i], paths[i + 1], strlen(paths[i + 1]) + 1));
		put(sockets[i], "before");
	}
	/* The last two are connected to each other. */
	MUST(try_connect(sockets[3], paths[2], strlen(paths[2]) + 1));
	put(sockets[3], "back");
	ready_and_wait();

	CHECK(receives_from(sockets[1], "before", paths[0]));
	/* CRIU, like us, takes this for something that comes from the peer. */
	CHECK(receives(sockets[2], "before") && receives(sockets[2], "back"));
	CHECK(receives_from(sockets[3], "before", paths[2]));
	CHECK(!sends(sockets[0], "none") && errno == EPERM);
	CHECK(!sends(sockets[1], "none") && errno == EPERM);
	CHECK(talk(sockets[2], sockets[3]));
}

static bool has_permissions(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat status;
	return stat(path, &status) == 0 && status.st_mode == (S_IFSOCK | mode) && status.st_uid == uid &&
	       status.st_gid == gid;
}

/* Names: paths with permissions of their own, relative ones, abstract ones with NULs, and what the kernel chooses. */
PROGRAM(unix_names)
{
	const char *open_path = new_path("open"), *deep = new_path("deep");
	int open = listening(SOCK_STREAM, open_path, 7);
	MUST(chown(open_path, 1234, 5678));
	MUST(chmod(open_path, 02751));

	MUST(mkdir(deep, 0755));
	MUST(chdir(deep));
	int relative = bound(SOCK_DGRAM, "relative");
	MUST(chdir(directory));
	int below = bound(SOCK_SEQPACKET, "deep/below");
	MUST(chdir("/"));

	char nuls[108];
	size_t nuls_length = abstract_name(nuls, "with");
	memcpy(nuls + nuls_length, "\0\0end\0", 6);
	nuls_length += 6;
	int abstract = new_socket(SOCK_STREAM);
	bind_to(abstract, nuls, nuls_length);
	MUST(listen(abstract, 1));
	/* The same name, for sockets of another type. */
	int datagram = new_socket(SOCK_DGRAM);
	bind_to(datagram, nuls, nuls_length);

	int chosen = new_socket(SOCK_DGRAM);
	bind_to(chosen, "", 0);
	struct sockaddr_un choice;
	socklen_t size = sizeof(choice);
	MUST(getsockname(chosen, (struct sockaddr *)&choice, &size));
	ready_and_wait();

	CHECK(has_path(open, open_path) && has_permissions(open_path, 02751, 1234, 5678));
	CHECK(has_path(relative, "relative") && has_path(below, "deep/below"));
	int peer = new_socket(SOCK_DGRAM);
	CHECK(try_connect(peer, path_of("deep/relative"), strlen(path_of("deep/relative")) + 1) == 0);
	CHECK(sends(peer, "found") && receives(relative, "found"));
	CHECK(listen(below, 1) == 0 && connected(SOCK_SEQPACKET, path_of("deep/below")) >= 0);
	CHECK(is_named(abstract, getsockname, nuls, nuls_length) && is_named(datagram, getsockname, nuls, nuls_length));
	CHECK(try_connect(new_socket(SOCK_STREAM), nuls, nuls_length) == 0);
	CHECK(is_named(chosen, getsockname, choice.sun_path, size - offsetof(struct sockaddr_un, sun_path)));
}

/* Sockets whose files are gone, some with their directories; others are still connected to them. */
PROGRAM(unix_deleted_names)
{
	const char *path = new_path("path"), *deep = new_path("a/b/deep"), *stale = new_path("stale");
	MUST(mkdir(path_of("a"), 0755));
	MUST(mkdir(path_of("a/b"), 0755));

	/* The same name three times: twice it is gone, and the third is something else. */
	int first = bound(SOCK_DGRAM, path);
	int to_first = connected(SOCK_DGRAM, path);
	put(to_first, "queued");
	MUST(unlink(path));
	int second = bound(SOCK_DGRAM, path);
	int to_second = connected(SOCK_DGRAM, path);
	MUST(unlink(path));
	MUST(close(MUST(open(path, O_WRONLY | O_CREAT, 0600))));

	int server = listening(SOCK_STREAM, deep, 4);
	int pending = connected(SOCK_STREAM, deep);
	MUST(unlink(deep));
	MUST(rmdir(path_of("a/b")));
	MUST(rmdir(path_of("a")));

	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	for (int i = 0; i < 2; i++) {
		bind_to(pair[i], stale, strlen(stale) + 1);
		MUST(unlink(stale));
	}
	ready_and_wait();

	CHECK(receives(first, "queued") && sends(to_first, "first") && receives(first, "first"));
	CHECK(sends(to_second, "second") && receives(second, "second"));
	CHECK(has_path(first, path) && has_path(second, path));
	struct stat status;
	CHECK(stat(path, &status) == 0 && S_ISREG(status.st_mode));
	int accepted = MUST(accept(server, NULL, NULL));
	CHECK(talk(pending, accepted) && has_path(server, deep));
	CHECK(access(path_of("a"), F_OK) == -1);
	CHECK(talk(pair[0], pair[1]) && has_path(pair[0], stale) && has_path(pair[1], stale));
	CHECK(access(stale, F_OK) == -1);
}

/* The same with a relative name: CRIU does not find the directory. */
PROGRAM(unix_deleted_directory)
{
	const char *place = new_path("place");
	MUST(mkdir(place, 0755));
	MUST(chdir(place));
	int relative = bound(SOCK_DGRAM, "relative");
	int client = connected(SOCK_DGRAM, "relative");
	MUST(unlink("relative"));
	MUST(chdir("/"));
	MUST(rmdir(place));
	ready_and_wait();

	CHECK(sends(client, "relative") && receives(relative, "relative") && has_path(relative, "relative"));
	CHECK(access(place, F_OK) == -1);
}

/* A name as long as names can be. */
PROGRAM(unix_longest_name)
{
	char path[109];
	size_t length = snprintf(path, sizeof(path), "%s/", directory);
	memset(path + length, 'x', 107 - length);
	path[107] = 0;
	int server = listening(SOCK_STREAM, path, 1);
	char name[108];
	size_t abstract = abstract_name(name, "");
	memset(name + abstract, 'y', sizeof(name) - abstract);
	int datagram = new_socket(SOCK_DGRAM);
	bind_to(datagram, name, sizeof(name));
	ready_and_wait();

	CHECK(has_path(server, path) && connected(SOCK_STREAM, path) >= 0);
	CHECK(is_named(datagram, getsockname, name, sizeof(name)));
}

static void send_files(int socket, const char *text, const int *files, int count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec data = {(void *)text, strlen(text)};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), files, count * sizeof(int));
	MUST(sendmsg(socket, &message, 0));
}

/* Returns how many files came with a text, or -1. */
static int receive_files(int socket, const char *text, int *files)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control;
	char buffer[64];
	struct iovec data = {buffer, sizeof(buffer)};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT);
	if (length != (ssize_t)strlen(text) || memcmp(buffer, text, length) != 0)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header == NULL)
		return 0;
	if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -1;
	int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(files, CMSG_DATA(header), count * sizeof(int));
	return count;
}

static bool is_same_file(int one, int other)
{
	return syscall(SYS_kcmp, getpid(), getpid(), 0 /* KCMP_FILE */, one, other) == 0;
}

/* Files under way in queues, some of which are nowhere else. */
PROGRAM(unix_files_in_flight)
{
	for (int type = 0; type < 3; type++) {
		int pair[2], ends[2];
		MUST(socketpair(AF_UNIX, TYPES[type], 0, pair));
		MUST(pipe(ends));
		MUST(write(ends[1], "in the pipe", 11));
		const int files[] = {ends[0], STDIN_FILENO};
		put(pair[0], "before");
		send_files(pair[0], "files", files, 2);
		put(pair[0], "after");
		close(ends[0]);
		/* 100, 110, 120: the socket, and the end of the pipe behind it. */
		MUST(dup2(pair[1], 100 + 10 * type));
		MUST(dup2(ends[1], 101 + 10 * type));
		close(pair[1]);
		close(ends[1]);
	}
	ready_and_wait();

	for (int type = 0; type < 3; type++) {
		int socket = 100 + 10 * type, files[16] = {-1, -1};
		char text[16];
		/* Of a stream, what came with files is read with what came before. */
		if (TYPES[type] == SOCK_STREAM)
			CHECK(receive_files(socket, "beforefiles", files) == 2);
		else
			CHECK(receives(socket, "before") && receive_files(socket, "files", files) == 2);
		CHECK(receives(socket, "after"));
		CHECK(read(files[0], text, 16) == 11 && memcmp(text, "in the pipe", 11) == 0);
		CHECK(write(socket + 1, "more", 4) == 4 && read(files[0], text, 16) == 4);
		CHECK(is_same_file(files[1], STDIN_FILENO));
	}
}

/* Sockets in flight: in the queues of each other, and one in its own; in another task, too. */
PROGRAM(unix_sockets_in_flight)
{
	int carrier[2], hidden[2], loop[2];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, carrier));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, hidden));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, loop));
	put(hidden[1], "carried");
	send_files(carrier[0], "both ends", hidden, 2);
	close(hidden[0]);
	close(hidden[1]);
	send_files(loop[0], "myself", &loop[1], 1);
	send_files(loop[1], "each other", loop, 2);
	pid_t child = fork_as(1);
	if (child == 0) {
		close(carrier[0]);
		close(loop[0]);
		close(loop[1]);
		char byte;
		CHECK(read(carrier[1], &byte, 0) == 0);
		int files[16];
		while (recv(carrier[1], &byte, 1, MSG_PEEK) == 1 && byte != 'g' && !may_go())
			sleep_ms(5);
		CHECK(receive_files(carrier[1], "both ends", files) == 2);
		CHECK(receives(files[0], "carried") && talk(files[0], files[1]));
		end_child();
	}
	close(carrier[1]);
	ready_and_wait();

	int files[16] = {-1, -1};
	CHECK(receive_files(loop[1], "myself", files) == 1 && is_same_file(files[0], loop[1]));
	CHECK(receive_files(loop[0], "each other", files) == 2);
	CHECK(is_same_file(files[0], loop[0]) && is_same_file(files[1], loop[1]));
	CHECK(talk(loop[0], files[1]));
	join_child(child);
}

/* Options of all kinds, on sockets that had something sent before they got them. */
PROGRAM(unix_options)
{
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	static char large[100000];
	memset(large, 'l', sizeof(large));
	set(pair[0], SO_SNDBUFFORCE, 400000);
	MUST(send(pair[0], large, sizeof(large), 0));
	static const struct {
		int name, value;
	} VALUES[] = {
		{SO_REUSEADDR, 1}, {SO_DONTROUTE, 1}, {SO_BROADCAST, 1}, {SO_KEEPALIVE, 1}, {SO_OOBINLINE, 1},
		{SO_NO_CHECK, 1},  {SO_PRIORITY, 5},  {SO_RCVLOWAT, 3},	 {SO_MARK, 0x1234}, {SO_SNDBUF, 8192},
		{SO_RCVBUF, 9000},
	};
	int count = sizeof(VALUES) / sizeof(VALUES[0]), values[count];
	for (int i = 0; i < count; i++) {
		set(pair[0], VALUES[i].name, VALUES[i].value);
		values[i] = option(pair[0], VALUES[i].name);
	}
	struct linger linger = {1, 7};
	MUST(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	struct timeval timeout = {0, 50000}, sending = {2, 500000};
	MUST(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	MUST(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof(sending)));
	MUST(setsockopt(pair[0], SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	set(pair[0], SO_PASSSEC, 1);
	/* Lets datagrams through that begin with an 'a'. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {4, filter};
	MUST(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
	ready_and_wait();

	for (int i = 0; i < count; i++)
		CHECK(option(pair[0], VALUES[i].name) == values[i]);
	CHECK(option(pair[0], SO_PASSSEC) == 1 && option(pair[1], SO_PASSSEC) == 0);
	CHECK(option(pair[0], SO_BUF_LOCK) == 3 && option(pair[1], SO_BUF_LOCK) == 0);
	socklen_t size = sizeof(linger);
	linger = (struct linger){0, 0};
	CHECK(getsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff && linger.l_linger == 7);
	size = sizeof(sending);
	sending = (struct timeval){0, 0};
	CHECK(getsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &sending, &size) == 0);
	CHECK(sending.tv_sec == 2 && sending.tv_usec == 500000);
	char device[16] = "";
	size = sizeof(device);
	CHECK(getsockopt(pair[0], SOL_SOCKET, SO_BINDTODEVICE, device, &size) == 0 && strcmp(device, "lo") == 0);
	char byte;
	CHECK(recv(pair[0], &byte, 1, 0) == -1 && errno == EAGAIN);
	static char received[sizeof(large) + 1];
	CHECK(recv(pair[1], received, sizeof(received), 0) == sizeof(large));
	CHECK(memcmp(received, large, sizeof(large)) == 0);
	CHECK(sends(pair[0], "filtered") && sends(pair[0], "a letter"));
	CHECK(receives(pair[1], "a letter") && has_nothing(pair[1]));
}

/* Who is asked for credentials gets them with what comes next. */
PROGRAM(unix_credentials)
{
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	set(pair[1], SO_PASSCRED, 1);
	ready_and_wait();

	CHECK(option(pair[1], SO_PASSCRED) == 1 && option(pair[0], SO_PASSCRED) == 0);
	CHECK(sends(pair[0], "me"));
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char text[8];
	struct iovec data = {text, sizeof(text)};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	CHECK(recvmsg(pair[1], &message, MSG_DONTWAIT) == 2);
	CHECK(control.header.cmsg_type == SCM_CREDENTIALS);
	struct ucred sender;
	memcpy(&sender, CMSG_DATA(&control.header), sizeof(sender));
	CHECK(sender.pid == getpid() && sender.uid == 0);
}

static bool has_peer(int fd, pid_t pid, uid_t uid, gid_t gid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == pid && peer.uid == uid &&
	       peer.gid == gid;
}

/* Who is at the other end. The images do not tell; it is taken for the first one who has the socket. */
PROGRAM(unix_peer_credentials)
{
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 2), pair[2];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	pid_t parent = getpid(), child = fork_as(1);
	if (child == 0) {
		close(server);
		close(pair[0]);
		int client = connected(SOCK_STREAM, path), pending = connected(SOCK_STREAM, path), own[2];
		MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, own));
		put(client, "ready");
		char text[16];
		CHECK(recv(client, text, sizeof(text), 0) == 2);
		/* A test may have given us other ids meanwhile. */
		uint32_t ids[2] = {geteuid(), getegid()};
		CHECK(send(client, ids, sizeof(ids), 0) == sizeof(ids));
		CHECK(has_peer(client, parent, 0, 0) && has_peer(pending, parent, 0, 0) && has_peer(pair[1], parent, 0, 0));
		for (int i = 0; i < 2; i++)
			CHECK(has_peer(own[i], getpid(), ids[0], ids[1]));
		end_child();
	}
	int accepted = MUST(accept(server, NULL, NULL));
	char text[16];
	MUST(recv(accepted, text, sizeof(text), 0));
	ready_and_wait();

	CHECK(sends(accepted, "go"));
	uint32_t ids[2] = {-1, -1};
	CHECK(recv(accepted, ids, sizeof(ids), 0) == sizeof(ids));
	int next = MUST(accept(server, NULL, NULL));
	CHECK(has_peer(accepted, child, ids[0], ids[1]) && has_peer(next, child, ids[0], ids[1]));
	CHECK(has_peer(pair[0], parent, 0, 0));
	join_child(child);
}

/* As much in a stream as its buffers take. */
PROGRAM(unix_full_stream)
{
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	static char chunk[5000];
	size_t total = 0;
	for (ssize_t sent; (sent = send(pair[0], chunk, sizeof(chunk), 0)) > 0; total += sent)
		memset(chunk, 'a' + total % 26, sizeof(chunk));
	ready_and_wait();

	size_t left = total;
	for (ssize_t got; (got = recv(pair[1], chunk, sizeof(chunk), 0)) > 0;)
		left -= got;
	CHECK(left == 0 && total > 0);
	CHECK(talk(pair[0], pair[1]));
}

/* One abstract name. */
PROGRAM(unix_datagram_name)
{
	char name[108];
	size_t length = abstract_name(name, "datagram");
	int fd = new_socket(SOCK_DGRAM);
	bind_to(fd, name, length);
	ready_and_wait();
	CHECK(is_named(fd, getsockname, name, length));
}

static size_t read_file(const char *name, char *text, size_t size)
{
	int fd = MUST(open(path_of(name), O_RDONLY));
	size_t length = MUST(read(fd, text, size));
	close(fd);
	return length;
}

/* Connected to what the file "outside" names, which belongs to nobody in the tree; with something in the queue. */
PROGRAM(unix_external)
{
	char name[108];
	size_t length = read_file("outside", name, sizeof(name));
	int nameless = new_socket(SOCK_DGRAM), named = bound(SOCK_DGRAM, new_path("named"));
	MUST(try_connect(nameless, name, length));
	int sender = connected(SOCK_DGRAM, new_path("named"));
	put(sender, "from inside");
	close(sender);
	MUST(try_connect(named, name, length));
	ready_and_wait();

	CHECK(receives(named, "from inside"));
	CHECK(is_named(nameless, getpeername, name, length) && is_named(named, getpeername, name, length));
	CHECK(sends(nameless, "one") && sends(named, "two"));
}

/* Has the name in the file "outside", and waits for two datagrams. */
PROGRAM(unix_outsider)
{
	char name[108];
	size_t length = read_file("outside", name, sizeof(name));
	int fd = new_socket(SOCK_DGRAM);
	bind_to(fd, name, length);
	ready_and_wait();

	CHECK(receives(fd, "one") && receives(fd, "two"));
}

/* A little of everything, in two tasks. */
PROGRAM(unix_several)
{
	const char *path = new_path("server"), *gone = new_path("gone"), *past = new_path("past");
	int server = listening(SOCK_STREAM, path, 2);
	MUST(chmod(path, 0640));
	int pending = connected(SOCK_STREAM, path);
	int removed = bound(SOCK_DGRAM, gone), sender = connected(SOCK_DGRAM, gone);
	MUST(unlink(gone));
	int listener = listening(SOCK_STREAM, past, 1), client = connected(SOCK_STREAM, past);
	int accepted = MUST(accept(listener, NULL, NULL));
	close(listener);
	int ends[2];
	MUST(pipe(ends));
	MUST(write(ends[1], "piped", 5));
	send_files(client, "with a pipe", ends, 1);
	close(ends[0]);
	put(sender, "queued");
	pid_t child = fork_as(1);
	if (child == 0) {
		char text[16];
		int files[16] = {-1};
		while (!may_go())
			sleep_ms(5);
		CHECK(receive_files(accepted, "with a pipe", files) == 1);
		CHECK(read(files[0], text, 16) == 5 && receives(removed, "queued"));
		end_child();
	}
	ready_and_wait();

	join_child(child);
	int first = MUST(accept(server, NULL, NULL));
	CHECK(talk(pending, first) && talk(client, accepted) && has_permissions(path, 0640, 0, 0));
	CHECK(access(path_of(".cgrestore-server"), F_OK) == -1);
}

/* One name in the file system, for tests of what is in its way. */
PROGRAM(unix_server)
{
	const char *path = new_path("server");
	int server = listening(SOCK_STREAM, path, 1);
	MUST(chmod(path, 0600));
	int client = connected(SOCK_STREAM, path);
	ready_and_wait();

	int accepted = MUST(accept(server, NULL, NULL));
	CHECK(talk(client, accepted) && has_permissions(path, 0600, 0, 0));
}
