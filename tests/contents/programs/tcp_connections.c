#include "inet.h"
#include <linux/filter.h>
#include <poll.h>

/* Milliseconds for what is on its way: lost packets are sent again after twice the time that has passed already. */
enum { PATIENCE = 15000 };

/* The two sides of a connection within the tree of tasks. */
struct pair {
	int client, server;
};

/* A connection to a listener at `there`, which the client calls `text`. */
static struct pair connected_by(int listener, const char *text)
{
	union address address = address_of(text, port_of(listener));
	struct pair pair = {.client = MUST(socket(address.any.sa_family, SOCK_STREAM, 0))};
	MUST(connect(pair.client, &address.any, size_of(&address)));
	pair.server = MUST(accept(listener, NULL, NULL));
	return pair;
}

static struct pair connected(const char *text)
{
	int listener = bound(SOCK_STREAM, text, 0);
	MUST(listen(listener, 1));
	struct pair pair = connected_by(listener, text);
	close(listener);
	return pair;
}

static void close_pair(struct pair pair)
{
	close_at_once(pair.client);
	close_at_once(pair.server);
}

static char pattern(size_t position)
{
	return position * 31 + (position >> 8);
}

/* Writes what `pattern` says, as much as is taken at once; returns how much that was, `from` included. */
static size_t write_pattern(int fd, size_t from, size_t most)
{
	char bytes[4096];
	while (from < most) {
		size_t count = most - from < sizeof(bytes) ? most - from : sizeof(bytes);
		for (size_t i = 0; i < count; i++)
			bytes[i] = pattern(from + i);
		ssize_t written = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (written <= 0)
			break;
		from += written;
	}
	return from;
}

/* Whether the bytes from `from` to `to` of the pattern come in, and nothing else is wrong with them. */
static bool read_pattern(int fd, size_t from, size_t to)
{
	char bytes[4096];
	while (from < to) {
		size_t most = to - from < sizeof(bytes) ? to - from : sizeof(bytes);
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		if (poll(&waiting, 1, PATIENCE) != 1)
			return false;
		ssize_t count = read(fd, bytes, most);
		if (count <= 0)
			return false;
		for (ssize_t i = 0; i < count; i++)
			if (bytes[i] != pattern(from + i))
				return false;
		from += count;
	}
	return true;
}

static bool talks(int from, int to, const char *text)
{
	char found[64] = "";
	size_t length = strlen(text);
	struct pollfd waiting = {.fd = to, .events = POLLIN};
	return send(from, text, length, MSG_NOSIGNAL) == (ssize_t)length && poll(&waiting, 1, PATIENCE) == 1 &&
	       recv(to, found, length, MSG_WAITALL) == (ssize_t)length && memcmp(found, text, length) == 0;
}

static bool is_at_end(int fd)
{
	char byte;
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	return poll(&waiting, 1, PATIENCE) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* States change a little after the call that makes them change. */
static bool gets_to(int fd, int state)
{
	for (int i = 0; i < PATIENCE / 5 && state_of(fd) != state; i++)
		sleep_ms(5);
	return state_of(fd) == state;
}

static union address peer_of(int fd)
{
	union address address = {0};
	socklen_t size = sizeof(address);
	MUST(getpeername(fd, &address.any, &size));
	return address;
}

/* Connections over IPv4, IPv6, and IPv4 with sockets of IPv6; with bytes under way, options, across tasks. */
PROGRAM(tcp_established)
{
	int listener = bound(SOCK_STREAM, "::", 0);
	MUST(listen(listener, 5));
	struct pair v4 = connected_by(listener, "127.0.0.1"), v6 = connected_by(listener, "::1");
	struct pair mapped = connected_by(listener, "::ffff:127.0.0.1"), only = connected("127.0.0.1");
	struct pair with_child = connected("::1");
	MUST(write_pattern(v4.client, 0, 5000) == 5000 ? 0 : -1);
	MUST(write(v4.server, "abc", 3));
	MUST(write_pattern(mapped.server, 0, 100000) == 100000 ? 0 : -1);
	set_option(v6.client, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(v6.server, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(v6.server, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	set_option(only.client, IPPROTO_TCP, TCP_CORK, 1);
	set_option(only.server, SOL_SOCKET, SO_RCVBUF, 50000);
	MUST(fcntl(only.server, F_SETFL, O_NONBLOCK));
	int room = option(only.server, SOL_SOCKET, SO_RCVBUF);
	union address peer = peer_of(v4.client), own = local_of(v4.client);
	pid_t child = fork_as(1);
	if (child == 0) {
		char byte;
		close(with_child.server);
		CHECK(read(with_child.client, &byte, 1) == 1 && byte == 'p');
		CHECK(write(with_child.client, "c", 1) == 1);
		CHECK(is_at_end(with_child.client));
		end_child();
	}
	close(with_child.client);
	ready_and_wait();

	char text[4];
	CHECK(read_pattern(v4.server, 0, 5000) && read(v4.client, text, 3) == 3 && memcmp(text, "abc", 3) == 0);
	CHECK(read_pattern(mapped.client, 0, 100000));
	struct pair pairs[] = {v4, v6, mapped};
	for (int i = 0; i < 3; i++)
		CHECK(talks(pairs[i].client, pairs[i].server, "ping") && talks(pairs[i].server, pairs[i].client, "pong"));
	CHECK(option(v6.client, IPPROTO_TCP, TCP_NODELAY) == 1 && option(v6.server, SOL_SOCKET, SO_KEEPALIVE) == 1);
	CHECK(option(v6.server, IPPROTO_TCP, TCP_KEEPIDLE) == 30 && option(v6.client, SOL_SOCKET, SO_REUSEADDR) == 0);
	CHECK(option(only.client, IPPROTO_TCP, TCP_CORK) == 1 && option(only.server, SOL_SOCKET, SO_RCVBUF) == room);
	CHECK(fcntl(only.server, F_GETFL) & O_NONBLOCK && read(only.server, text, 1) == -1 && errno == EAGAIN);
	union address peer_after = peer_of(v4.client), own_after = local_of(v4.client);
	CHECK(memcmp(&peer, &peer_after, sizeof(peer)) == 0 && memcmp(&own, &own_after, sizeof(own)) == 0);
	struct pair new = connected_by(listener, "127.0.0.1");
	CHECK(talks(new.client, new.server, "new"));
	CHECK(write(with_child.server, "p", 1) == 1 && read(with_child.server, text, 1) == 1 && text[0] == 'c');
	close(with_child.server);
	join_child(child);
	close(v4.client);
	CHECK(is_at_end(v4.server));
	close_pair(new);
	close_pair(v6);
	close_pair(mapped);
	close_pair(only);
	close_at_once(v4.server);
}

/* All buffers full: bytes that could not be sent yet are in them. */
PROGRAM(tcp_full)
{
	struct pair pairs[] = {connected("127.0.0.1"), connected("::1")};
	size_t to_server[2], to_client[2];
	for (int i = 0; i < 2; i++) {
		to_server[i] = write_pattern(pairs[i].client, 0, 1 << 28);
		to_client[i] = write_pattern(pairs[i].server, 0, 1 << 28);
	}
	ready_and_wait();

	for (int i = 0; i < 2; i++) {
		CHECK(read_pattern(pairs[i].server, 0, to_server[i]));
		CHECK(read_pattern(pairs[i].client, 0, to_client[i]));
		CHECK(talks(pairs[i].client, pairs[i].server, "more") && talks(pairs[i].server, pairs[i].client, "more"));
		close_pair(pairs[i]);
	}
}

/* One side has ended, and the other one not. */
PROGRAM(tcp_half_closed)
{
	struct pair pairs[] = {connected("127.0.0.1"), connected("::1")};
	for (int i = 0; i < 2; i++) {
		MUST(write(pairs[i].client, "last words", 10));
		MUST(write(pairs[i].server, "an answer", 9));
		MUST(shutdown(pairs[i].client, SHUT_WR));
		MUST(gets_to(pairs[i].client, TCP_FIN_WAIT2) && gets_to(pairs[i].server, TCP_CLOSE_WAIT) ? 0 : -1);
	}
	ready_and_wait();

	for (int i = 0; i < 2; i++) {
		char text[16];
		CHECK(state_of(pairs[i].client) == TCP_FIN_WAIT2 && state_of(pairs[i].server) == TCP_CLOSE_WAIT);
		CHECK(read(pairs[i].server, text, 10) == 10 && memcmp(text, "last words", 10) == 0);
		CHECK(is_at_end(pairs[i].server));
		CHECK(read(pairs[i].client, text, 9) == 9 && memcmp(text, "an answer", 9) == 0);
		CHECK(talks(pairs[i].server, pairs[i].client, "one more"));
		CHECK(send(pairs[i].client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
		close(pairs[i].server);
		CHECK(is_at_end(pairs[i].client));
		close(pairs[i].client);
	}
}

/* Both sides have ended. */
PROGRAM(tcp_ended)
{
	struct pair pairs[] = {connected("127.0.0.1"), connected("::1")};
	union address peers[2];
	for (int i = 0; i < 2; i++) {
		MUST(write(pairs[i].client, "unread", 6));
		peers[i] = peer_of(pairs[i].client);
		MUST(shutdown(pairs[i].client, SHUT_WR));
		MUST(gets_to(pairs[i].server, TCP_CLOSE_WAIT) ? 0 : -1);
		MUST(shutdown(pairs[i].server, SHUT_WR));
		MUST(gets_to(pairs[i].client, TCP_CLOSE) && gets_to(pairs[i].server, TCP_CLOSE) ? 0 : -1);
	}
	ready_and_wait();

	for (int i = 0; i < 2; i++) {
		char text[8];
		CHECK(state_of(pairs[i].client) == TCP_CLOSE && state_of(pairs[i].server) == TCP_CLOSE);
		CHECK(read(pairs[i].server, text, 6) == 6 && memcmp(text, "unread", 6) == 0);
		CHECK(is_at_end(pairs[i].server) && is_at_end(pairs[i].client));
		CHECK(option(pairs[i].client, SOL_SOCKET, SO_ERROR) == 0);
		CHECK(send(pairs[i].client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
		union address peer = {0};
		socklen_t size = size_of(&peers[i]);
		CHECK(getsockopt(pairs[i].client, SOL_SOCKET, SO_PEERNAME, &peer, &size) == 0);
		CHECK(memcmp(&peer, &peers[i], sizeof(peer)) == 0);
	}
}

/* Makes a socket lose every packet. */
static void lose_packets(int fd)
{
	struct sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
	struct sock_fprog program = {1, &nothing};
	MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static void hear_packets(int fd)
{
	int unused = 0;
	CHECK(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)) == 0);
}

/* What was sent has not been acknowledged: bytes, and ends. */
PROGRAM(tcp_unacknowledged)
{
	struct pair bytes = connected("127.0.0.1"), end = connected("::1"), late = connected("127.0.0.1");
	struct pair crossed = connected("127.0.0.1");
	lose_packets(bytes.server);
	MUST(write(bytes.client, "on the way", 10));
	/* The end of one side is on the way. */
	lose_packets(end.server);
	MUST(write(end.client, "and over", 8));
	MUST(shutdown(end.client, SHUT_WR));
	/* That of the other side as well, after the first one has come. */
	MUST(shutdown(late.client, SHUT_WR));
	MUST(gets_to(late.server, TCP_CLOSE_WAIT) && gets_to(late.client, TCP_FIN_WAIT2) ? 0 : -1);
	lose_packets(late.client);
	MUST(shutdown(late.server, SHUT_WR));
	/* Both are on the way, and one has come. */
	lose_packets(crossed.server);
	MUST(shutdown(crossed.client, SHUT_WR));
	MUST(shutdown(crossed.server, SHUT_WR));
	MUST(gets_to(crossed.client, TCP_CLOSING) && gets_to(crossed.server, TCP_FIN_WAIT1) ? 0 : -1);
	MUST(gets_to(end.client, TCP_FIN_WAIT1) && gets_to(late.server, TCP_LAST_ACK) ? 0 : -1);
	ready_and_wait();

	char text[16];
	CHECK(state_of(end.client) == TCP_FIN_WAIT1 && state_of(end.server) == TCP_ESTABLISHED);
	CHECK(state_of(late.client) == TCP_FIN_WAIT2 && state_of(late.server) == TCP_LAST_ACK);
	CHECK(state_of(crossed.client) == TCP_CLOSING && state_of(crossed.server) == TCP_FIN_WAIT1);
	hear_packets(bytes.server);
	hear_packets(end.server);
	hear_packets(late.client);
	hear_packets(crossed.server);
	CHECK(recv(bytes.server, text, 10, MSG_WAITALL) == 10 && memcmp(text, "on the way", 10) == 0);
	CHECK(talks(bytes.client, bytes.server, "next"));
	CHECK(recv(end.server, text, 8, MSG_WAITALL) == 8 && is_at_end(end.server));
	CHECK(talks(end.server, end.client, "back") && is_at_end(late.client));
	CHECK(is_at_end(crossed.server) && is_at_end(crossed.client));
	CHECK(gets_to(late.server, TCP_CLOSE));
	close_pair(bytes);
	close_pair(end);
}

/* Ends behind bytes that have not been sent, because the other side has no room. */
PROGRAM(tcp_end_unsent)
{
	struct pair first = connected("127.0.0.1"), second = connected("::1"), third = connected("127.0.0.1");
	size_t one = write_pattern(first.client, 0, 1 << 28);
	MUST(shutdown(first.client, SHUT_WR));
	size_t two = write_pattern(second.server, 0, 1 << 28);
	MUST(shutdown(second.client, SHUT_WR));
	MUST(gets_to(second.server, TCP_CLOSE_WAIT) ? 0 : -1);
	MUST(shutdown(second.server, SHUT_WR));
	size_t three = write_pattern(third.client, 0, 1 << 28);
	MUST(shutdown(third.client, SHUT_WR));
	MUST(shutdown(third.server, SHUT_WR));
	MUST(gets_to(first.client, TCP_FIN_WAIT1) && gets_to(second.server, TCP_LAST_ACK) ? 0 : -1);
	MUST(gets_to(third.client, TCP_CLOSING) ? 0 : -1);
	ready_and_wait();

	CHECK(state_of(first.client) == TCP_FIN_WAIT1 && state_of(second.server) == TCP_LAST_ACK);
	CHECK(state_of(third.client) == TCP_CLOSING);
	CHECK(read_pattern(first.server, 0, one) && is_at_end(first.server));
	CHECK(read_pattern(second.client, 0, two) && is_at_end(second.client));
	CHECK(read_pattern(third.server, 0, three) && is_at_end(third.server) && is_at_end(third.client));
	CHECK(talks(first.server, first.client, "back"));
	close_pair(first);
}

/* A connection that nobody has answered yet; it is dumped with --skip-in-flight. */
PROGRAM(tcp_syn_sent)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
	MUST(listen(listener, 0));
	union address address = local_of(listener);
	int asking[3];
	for (int i = 0; i < 3; i++) {
		asking[i] = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (connect(asking[i], &address.any, size_of(&address)) == -1 && errno != EINPROGRESS)
			MUST(-1);
	}
	/* There is room for one that nobody has accepted. */
	MUST(state_of(asking[2]) == TCP_SYN_SENT ? 0 : -1);
	MUST(fcntl(asking[2], F_SETFL, 0));
	ready_and_wait();

	struct pollfd waiting = {.fd = listener, .events = POLLIN};
	CHECK(poll(&waiting, 1, PATIENCE) == 1);
	int server = accept(listener, NULL, NULL);
	CHECK(server != -1 && fcntl(asking[2], F_GETFL) == O_RDWR);
	union address other = peer_of(server);
	int client = asking[1];
	for (int i = 1; i < 3; i++) {
		union address own = local_of(asking[i]);
		if (memcmp(&own, &other, sizeof(own)) == 0)
			client = asking[i];
	}
	CHECK(talks(client, server, "at last") && talks(server, client, "welcome"));
	close_at_once(server);
	for (int i = 0; i < 3; i++)
		close_at_once(asking[i]);
}

/* For restores that fail: connections of two tasks, one with an end, and sockets beside them. */
PROGRAM(tcp_several)
{
	struct pair open = connected("127.0.0.1"), ended = connected("::1");
	int listener = bound(SOCK_STREAM, "::", 0), datagrams = bound(SOCK_DGRAM, "127.0.0.1", 0);
	MUST(listen(listener, 1));
	MUST(write(open.client, "unread", 6));
	MUST(shutdown(ended.client, SHUT_WR));
	MUST(gets_to(ended.client, TCP_FIN_WAIT2) && gets_to(ended.server, TCP_CLOSE_WAIT) ? 0 : -1);
	pid_t child = fork_as(1);
	if (child == 0) {
		char text[6];
		CHECK(recv(open.server, text, 6, MSG_WAITALL) == 6 && memcmp(text, "unread", 6) == 0);
		CHECK(write(open.server, "read", 4) == 4);
		end_child();
	}
	ready_and_wait();

	char text[4];
	CHECK(recv(open.client, text, 4, MSG_WAITALL) == 4 && memcmp(text, "read", 4) == 0);
	CHECK(is_at_end(ended.server) && talks(ended.server, ended.client, "back"));
	struct pair new = connected_by(listener, "::1");
	CHECK(talks(new.client, new.server, "new") && port_of(datagrams) != 0);
	join_child(child);
	close_pair(new);
	close_pair(open);
	close_at_once(ended.server);
}

/* Connections that are closed by the restore. */
PROGRAM(tcp_close)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
	MUST(listen(listener, 5));
	struct pair pair = connected_by(listener, "127.0.0.1");
	MUST(write(pair.client, "lost", 4));
	set_option(pair.client, IPPROTO_TCP, TCP_NODELAY, 1);
	ready_and_wait();

	int fds[] = {pair.client, pair.server};
	for (int i = 0; i < 2; i++) {
		char byte;
		CHECK(state_of(fds[i]) == TCP_CLOSE && recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0);
		CHECK(send(fds[i], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
		struct pollfd polled = {.fd = fds[i], .events = POLLIN | POLLRDHUP};
		CHECK(poll(&polled, 1, 0) == 1 && polled.revents == (POLLIN | POLLRDHUP | POLLHUP));
	}
	CHECK(option(pair.client, IPPROTO_TCP, TCP_NODELAY) == 1 && option(pair.client, SOL_SOCKET, SO_REUSEADDR) == 0);
	struct pair new = connected_by(listener, "127.0.0.1");
	CHECK(talks(new.client, new.server, "new"));
	close_pair(new);
}
