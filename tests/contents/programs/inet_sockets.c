#include "inet.h"
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
/* linux/icmp.h, which does not go with net/if.h */
#define ICMP_FILTER 1

/* Milliseconds until something has come that is on its way: the kernel may have other things to do first. */
enum { PATIENCE = 10000 };

/* A socket that shares what `name` says (0: nothing) while it is bound. */
static int sharing(int type, const char *text, int port, int name)
{
	union address address = address_of(text, port);
	int fd = MUST(socket(address.any.sa_family, type, 0));
	if (address.any.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (name != 0)
		set_option(fd, SOL_SOCKET, name, 1);
	MUST(bind(fd, &address.any, size_of(&address)));
	return fd;
}

/* Whether a byte gets from a new client to a socket that listens, and back. */
static bool serves(int listener, const char *text)
{
	union address address = address_of(text, port_of(listener));
	int client = MUST(socket(address.any.sa_family, SOCK_STREAM, 0));
	char byte = 0;
	bool works = connect(client, &address.any, size_of(&address)) == 0;
	struct pollfd waiting = {.fd = listener, .events = POLLIN};
	works = works && poll(&waiting, 1, PATIENCE) == 1;
	int server = works ? accept(listener, NULL, NULL) : -1;
	works = works && server != -1;
	works = works && write(client, "c", 1) == 1 && read(server, &byte, 1) == 1 && byte == 'c';
	works = works && write(server, "s", 1) == 1 && read(client, &byte, 1) == 1 && byte == 's';
	close_at_once(server);
	close_at_once(client);
	return works;
}

/* Sockets of TCP that listen, on both families, each with its own backlog. */
PROGRAM(tcp_listen)
{
	int v4 = bound(SOCK_STREAM, "127.0.0.1", 0);
	MUST(listen(v4, 7));
	int any = bound(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, "0.0.0.0", 0);
	MUST(listen(any, 0));
	int v6 = bound(SOCK_STREAM, "::1", 0);
	MUST(listen(v6, 13));
	int both = bound(SOCK_STREAM, "::", 0);
	MUST(listen(both, 5));
	/* The same port for both families, which takes IPV6_V6ONLY. */
	int six = sharing(SOCK_STREAM, "::", 0, 0);
	int four = bound(SOCK_STREAM, "0.0.0.0", port_of(six));
	MUST(listen(six, 3));
	MUST(listen(four, 4));
	int reusing = sharing(SOCK_STREAM, "127.0.0.1", 0, SO_REUSEADDR);
	MUST(listen(reusing, 2));
	/* A port without listening, where others have listened. */
	int beside = sharing(SOCK_STREAM, "127.0.0.2", port_of(reusing), SO_REUSEADDR);
	ready_and_wait();

	CHECK(serves(v4, "127.0.0.1") && serves(any, "127.0.0.9") && serves(v6, "::1"));
	CHECK(serves(both, "127.0.0.1") && serves(both, "::1"));
	CHECK(serves(six, "::1") && serves(four, "127.0.0.1") && serves(reusing, "127.0.0.1"));
	CHECK(option(six, IPPROTO_IPV6, IPV6_V6ONLY) == 1 && option(both, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
	CHECK(option(v4, SOL_SOCKET, SO_REUSEADDR) == 0 && option(reusing, SOL_SOCKET, SO_REUSEADDR) == 1);
	CHECK(option(v4, SOL_SOCKET, SO_REUSEPORT) == 0 && option(v4, SOL_SOCKET, SO_ACCEPTCONN) == 1);
	CHECK(option(v6, IPPROTO_IPV6, IPV6_FREEBIND) == 0);
	CHECK(fcntl(any, F_GETFL) & O_NONBLOCK && fcntl(any, F_GETFD) == FD_CLOEXEC);
	CHECK(listen(beside, 1) == 0 && serves(beside, "127.0.0.2"));
	/* Nobody else gets the port of one that shares nothing. */
	union address taken = local_of(v4);
	int other = MUST(socket(AF_INET, SOCK_STREAM, 0));
	set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK(bind(other, &taken.any, size_of(&taken)) == -1 && errno == EADDRINUSE);
}

/* Sockets of TCP that are not connected: fresh, bound, shut down. */
PROGRAM(tcp_unconnected)
{
	int fresh = MUST(socket(AF_INET, SOCK_STREAM, 0));
	int fresh6 = MUST(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int placed = bound(SOCK_STREAM, "127.0.0.1", 0);
	int placed6 = bound(SOCK_STREAM, "::1", 0);
	int closed = MUST(socket(AF_INET, SOCK_STREAM, 0));
	shutdown(closed, SHUT_RD);
	int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
	MUST(listen(listener, 1));
	union address before = local_of(placed), before6 = local_of(placed6);
	ready_and_wait();

	union address after = local_of(placed), after6 = local_of(placed6);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0 && memcmp(&before6, &after6, sizeof(before6)) == 0);
	union address server = local_of(listener);
	CHECK(connect(placed, &server.any, size_of(&server)) == 0);
	union address peer;
	socklen_t size = sizeof(peer);
	close_at_once(MUST(accept(listener, &peer.any, &size)));
	CHECK(memcmp(&peer.v4, &before.v4, sizeof(peer.v4)) == 0);
	CHECK(listen(placed6, 1) == 0 && serves(placed6, "::1"));
	struct pollfd poll_closed[] = {{.fd = closed, .events = POLLRDHUP}, {.fd = fresh, .events = POLLRDHUP}};
	CHECK(poll(poll_closed, 2, 0) == 2);
	CHECK(poll_closed[0].revents == (POLLRDHUP | POLLHUP) && poll_closed[1].revents == POLLHUP);
	CHECK(connect(fresh, &server.any, size_of(&server)) == 0);
	close_at_once(fresh);
	CHECK(fcntl(fresh6, F_GETFL) == (O_RDWR | O_NONBLOCK));
}

/* Waits until something has come to one of three sockets. */
static bool await_any(const int *fds)
{
	struct pollfd waiting[] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}, {fds[2], POLLIN, 0}};
	return poll(waiting, 3, PATIENCE) > 0;
}

/* Listening at one port with several sockets: what allowed it may have been taken back. */
PROGRAM(tcp_reuseport)
{
	int first = sharing(SOCK_STREAM, "127.0.0.1", 0, SO_REUSEPORT);
	int port = port_of(first);
	int second = sharing(SOCK_STREAM, "127.0.0.1", port, SO_REUSEPORT);
	MUST(listen(first, 8));
	MUST(listen(second, 8));
	set_option(first, SOL_SOCKET, SO_REUSEPORT, 0);
	int v6[3];
	for (int i = 0; i < 3; i++) {
		v6[i] = sharing(SOCK_STREAM | SOCK_NONBLOCK, "::1", i == 0 ? 0 : port_of(v6[0]), SO_REUSEPORT);
		MUST(listen(v6[i], 100));
	}
	ready_and_wait();

	CHECK(option(first, SOL_SOCKET, SO_REUSEPORT) == 0 && option(second, SOL_SOCKET, SO_REUSEPORT) == 1);
	CHECK(option(first, SOL_SOCKET, SO_REUSEADDR) == 0);
	/* Connections are spread over the three. */
	union address server = local_of(v6[0]);
	int served[3] = {0};
	for (int i = 0; i < 60; i++) {
		int client = MUST(socket(AF_INET6, SOCK_STREAM, 0));
		MUST(connect(client, &server.any, size_of(&server)));
		CHECK(await_any(v6));
		for (int j = 0; j < 3; j++) {
			int connection = accept(v6[j], NULL, NULL);
			served[j] += connection != -1;
			close_at_once(connection);
		}
		close_at_once(client);
	}
	CHECK(served[0] > 0 && served[1] > 0 && served[2] > 0);
	CHECK(served[0] + served[1] + served[2] == 60);
}

/* Whether a datagram gets from one socket to another, which is bound to `to`. */
static bool reaches(int from, int receiver, const union address *to)
{
	char text[8] = "";
	bool sent = to == NULL ? send(from, "datagram", 8, 0) == 8
			       : sendto(from, "datagram", 8, 0, &to->any, size_of(to)) == 8;
	struct pollfd waiting = {.fd = receiver, .events = POLLIN};
	return sent && poll(&waiting, 1, PATIENCE) == 1 && recv(receiver, text, 8, MSG_DONTWAIT) == 8 &&
	       memcmp(text, "datagram", 8) == 0;
}

static void connect_to(int fd, int other)
{
	union address address = local_of(other);
	MUST(connect(fd, &address.any, size_of(&address)));
}

/* Sockets of UDP and UDP-Lite: fresh, bound, connected, shut down. */
PROGRAM(udp)
{
	int fresh = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	int one = bound(SOCK_DGRAM, "127.0.0.1", 0), two = bound(SOCK_DGRAM, "127.0.0.1", 0);
	connect_to(two, one);
	int six = bound(SOCK_DGRAM, "::1", 0), sender = bound(SOCK_DGRAM, "::1", 0);
	connect_to(sender, six);
	/* IPv4 through a socket of IPv6. */
	int mapped = MUST(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	union address target = address_of("::ffff:127.0.0.1", port_of(one));
	MUST(connect(mapped, &target.any, size_of(&target)));
	int mute = bound(SOCK_DGRAM, "127.0.0.10", 0), deaf = bound(SOCK_DGRAM, "127.0.0.10", 0);
	connect_to(mute, deaf);
	connect_to(deaf, mute);
	MUST(shutdown(mute, SHUT_WR));
	MUST(shutdown(deaf, SHUT_RD));
	int aside = bound(SOCK_DGRAM, "127.0.0.1", 0);
	shutdown(aside, SHUT_RDWR);
	/* Two at one port, of which the kernel serves one. */
	int shared = sharing(SOCK_DGRAM, "127.0.0.3", 0, SO_REUSEADDR);
	int again = sharing(SOCK_DGRAM, "127.0.0.3", port_of(shared), SO_REUSEADDR);
	/* And two that share nothing but the number. */
	int number = bound(SOCK_DGRAM, "127.0.0.4", 0);
	int same = bound(SOCK_DGRAM, "127.0.0.5", port_of(number));
	int light = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
	union address anywhere = address_of("127.0.0.1", 0);
	MUST(bind(light, &anywhere.any, size_of(&anywhere)));
	int light6 = MUST(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE));
	union address first = local_of(one), sixth = local_of(six), lightest = local_of(light);
	ready_and_wait();

	CHECK(reaches(fresh, one, &first) && reaches(two, one, NULL) && reaches(sender, six, NULL));
	CHECK(reaches(mapped, one, NULL) && fcntl(mapped, F_GETFL) & O_NONBLOCK);
	union address from_two;
	socklen_t size = sizeof(from_two);
	char byte;
	CHECK(send(two, "x", 1, 0) == 1 && recvfrom(one, &byte, 1, 0, &from_two.any, &size) == 1);
	union address second = local_of(two);
	CHECK(memcmp(&from_two.v4, &second.v4, sizeof(second.v4)) == 0);
	CHECK(reaches(deaf, mute, NULL));
	CHECK(send(mute, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	struct pollfd polled[] = {{.fd = aside, .events = POLLRDHUP}, {.fd = deaf, .events = POLLRDHUP}};
	CHECK(poll(polled, 2, 0) == 2);
	CHECK(polled[0].revents == (POLLRDHUP | POLLHUP) && polled[1].revents == POLLRDHUP);
	CHECK(option(shared, SOL_SOCKET, SO_REUSEADDR) == 1 && option(again, SOL_SOCKET, SO_REUSEADDR) == 1);
	CHECK(option(number, SOL_SOCKET, SO_REUSEADDR) == 0 && option(same, SOL_SOCKET, SO_REUSEADDR) == 0);
	CHECK(option(six, SOL_SOCKET, SO_REUSEPORT) == 0);
	CHECK(option(light, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDPLITE);
	int light2 = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
	CHECK(reaches(light2, light, &lightest));
	CHECK(option(light6, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDPLITE);
	int third = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
	CHECK(reaches(third, six, &sixth));
}

/* UDP sockets that share a port by SO_REUSEPORT get datagrams in turn. */
PROGRAM(udp_reuseport)
{
	int group[3];
	for (int i = 0; i < 3; i++)
		group[i] = sharing(SOCK_DGRAM | SOCK_NONBLOCK, "127.0.0.1", i == 0 ? 0 : port_of(group[0]), SO_REUSEPORT);
	union address address = local_of(group[0]);
	ready_and_wait();

	int received[3] = {0};
	char byte;
	for (int i = 0; i < 60; i++) {
		int sender = MUST(socket(AF_INET, SOCK_DGRAM, 0));
		MUST(sendto(sender, "x", 1, 0, &address.any, size_of(&address)));
		CHECK(await_any(group));
		for (int j = 0; j < 3; j++)
			received[j] += recv(group[j], &byte, 1, 0) == 1;
		close(sender);
	}
	CHECK(received[0] > 0 && received[1] > 0 && received[2] > 0);
	CHECK(received[0] + received[1] + received[2] == 60);
}

/* Options of IP, TCP and sockets. */
PROGRAM(inet_options)
{
	struct value {
		int level, name, value;
	};
	static const struct value v4[] = {
		{IPPROTO_IP, IP_FREEBIND, 1},	   {IPPROTO_IP, IP_PKTINFO, 1},
		{IPPROTO_IP, IP_TTL, 32},	   {IPPROTO_IP, IP_TOS, IPTOS_THROUGHPUT},
		{SOL_SOCKET, SO_PRIORITY, 3},	   {SOL_SOCKET, SO_MARK, 0x1234},
		{SOL_SOCKET, SO_OOBINLINE, 1},
	};
	static const struct value v6[] = {
		{IPPROTO_IPV6, IPV6_FREEBIND, 1},
		{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
		{SOL_SOCKET, SO_NO_CHECK, 1},
		{SOL_SOCKET, SO_BROADCAST, 1},
	};
	static const struct value tcp[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},	 {IPPROTO_TCP, TCP_CORK, 1},	{IPPROTO_TCP, TCP_KEEPCNT, 4},
		{IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 7}, {SOL_SOCKET, SO_KEEPALIVE, 1},
		{SOL_SOCKET, SO_RCVLOWAT, 3},	 {SOL_SOCKET, SO_REUSEPORT, 1},
	};
	static const struct {
		int family, type, protocol, count;
		const struct value *values;
	} kinds[] = {
		{AF_INET, SOCK_DGRAM, IPPROTO_UDP, sizeof(v4) / sizeof(*v4), v4},
		{AF_INET, SOCK_RAW, IPPROTO_UDP, sizeof(v4) / sizeof(*v4), v4},
		{AF_INET6, SOCK_DGRAM, IPPROTO_UDP, sizeof(v6) / sizeof(*v6), v6},
		{AF_INET6, SOCK_RAW, IPPROTO_UDP, sizeof(v6) / sizeof(*v6), v6},
		{AF_INET, SOCK_STREAM, 0, sizeof(tcp) / sizeof(*tcp), tcp},
		{AF_INET6, SOCK_STREAM, 0, sizeof(tcp) / sizeof(*tcp), tcp},
	};
	enum { KINDS = sizeof(kinds) / sizeof(*kinds) };
	int fds[KINDS];
	for (int i = 0; i < KINDS; i++) {
		fds[i] = MUST(socket(kinds[i].family, kinds[i].type, kinds[i].protocol));
		for (int j = 0; j < kinds[i].count; j++)
			set_option(fds[i], kinds[i].values[j].level, kinds[i].values[j].name, kinds[i].values[j].value);
	}
	/* An address that no device has. */
	int strange = MUST(socket(AF_INET6, SOCK_STREAM, 0));
	set_option(strange, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	union address nowhere = address_of("2001:db8::ff00:42:8329", 0);
	MUST(bind(strange, &nowhere.any, size_of(&nowhere)));
	struct linger linger = {1, 5};
	MUST(setsockopt(fds[4], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	struct timeval timeout = {3, 500000};
	MUST(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	set_option(fds[2], SOL_SOCKET, SO_RCVBUF, 20000);
	int room = option(fds[2], SOL_SOCKET, SO_RCVBUF), other_room = option(fds[2], SOL_SOCKET, SO_SNDBUF);
	ready_and_wait();

	for (int i = 0; i < KINDS; i++)
		for (int j = 0; j < kinds[i].count; j++)
			CHECK(option(fds[i], kinds[i].values[j].level, kinds[i].values[j].name) == kinds[i].values[j].value);
	CHECK(option(strange, IPPROTO_IPV6, IPV6_FREEBIND) == 1);
	CHECK(listen(strange, 1) == 0);
	struct linger found_linger = {0};
	socklen_t size = sizeof(found_linger);
	CHECK(getsockopt(fds[4], SOL_SOCKET, SO_LINGER, &found_linger, &size) == 0);
	CHECK(memcmp(&linger, &found_linger, sizeof(linger)) == 0);
	struct timeval found_timeout = {0};
	size = sizeof(found_timeout);
	CHECK(getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &found_timeout, &size) == 0);
	CHECK(memcmp(&timeout, &found_timeout, sizeof(timeout)) == 0);
	CHECK(option(fds[2], SOL_SOCKET, SO_RCVBUF) == room && option(fds[2], SOL_SOCKET, SO_SNDBUF) == other_room);
}

/* Raw sockets, with addresses, headers and filters. */
PROGRAM(raw_sockets)
{
	int plain = MUST(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_RAW));
	int plain6 = MUST(socket(AF_INET6, SOCK_RAW, IPPROTO_RAW));
	int udp = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
	set_option(udp, IPPROTO_IP, IP_HDRINCL, 1);
	set_option(udp, IPPROTO_IP, IP_NODEFRAG, 1);
	union address address = address_of("127.0.0.12", 0);
	MUST(bind(udp, &address.any, size_of(&address)));
	int icmp = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	uint32_t filter = 1 << ICMP_TIMESTAMP;
	MUST(setsockopt(icmp, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)));
	int icmp6 = MUST(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	struct icmp6_filter filter6 = {{1 << 13, 2, 3, 4, 5, 6, 7, 8}};
	MUST(setsockopt(icmp6, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6)));
	int odd = MUST(socket(AF_INET, SOCK_RAW, 253));
	ready_and_wait();

	CHECK(option(plain, IPPROTO_IP, IP_HDRINCL) == 1 && option(plain6, IPPROTO_IPV6, IPV6_HDRINCL) == 1);
	CHECK(option(udp, IPPROTO_IP, IP_HDRINCL) == 1 && option(udp, IPPROTO_IP, IP_NODEFRAG) == 1);
	union address after = local_of(udp);
	CHECK(after.v4.sin_addr.s_addr == address.v4.sin_addr.s_addr);
	uint32_t found = 0;
	socklen_t size = sizeof(found);
	CHECK(getsockopt(icmp, SOL_RAW, ICMP_FILTER, &found, &size) == 0 && found == filter);
	struct icmp6_filter found6 = {0};
	size = sizeof(found6);
	CHECK(getsockopt(icmp6, IPPROTO_ICMPV6, ICMP6_FILTER, &found6, &size) == 0);
	CHECK(memcmp(&found6, &filter6, sizeof(filter6)) == 0);
	CHECK(option(odd, SOL_SOCKET, SO_PROTOCOL) == 253);
}

static int bind_absent(int type, const char *text)
{
	union address address = address_of(text, 0);
	int fd = MUST(socket(address.any.sa_family, type, 0));
	set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
	MUST(bind(fd, &address.any, size_of(&address)));
	set_option(fd, IPPROTO_IP, IP_FREEBIND, 0);
	return fd;
}

/* Addresses that no device of the host has any more. */
PROGRAM(inet_absent)
{
	int sockets[] = {
		bind_absent(SOCK_DGRAM, "198.51.100.7"),
		bind_absent(SOCK_STREAM, "198.51.100.7"),
		bind_absent(SOCK_DGRAM, "2001:db8::7"),
		bind_absent(SOCK_STREAM, "2001:db8::7"),
	};
	union address before[4];
	for (int i = 0; i < 4; i++)
		before[i] = local_of(sockets[i]);
	MUST(listen(sockets[1], 3));
	MUST(listen(sockets[3], 3));
	ready_and_wait();
	for (int i = 0; i < 4; i++) {
		union address after = local_of(sockets[i]);
		CHECK(memcmp(&after, &before[i], size_of(&after)) == 0);
		CHECK(option(sockets[i], IPPROTO_IP, IP_FREEBIND) == 0);
		CHECK(option(sockets[i], SOL_SOCKET, SO_ACCEPTCONN) == i % 2);
	}
}

/* What CRIU does not restore, though its images have it. */
PROGRAM(inet_details)
{
	int icmp = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	union address address = address_of("127.0.0.14", 0);
	MUST(bind(icmp, &address.any, size_of(&address)));
	int headless = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	set_option(headless, IPPROTO_IP, IP_HDRINCL, 0);
	int portless = MUST(socket(AF_INET, SOCK_STREAM, 0));
	set_option(portless, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	MUST(bind(portless, &address.any, size_of(&address)));
	int strange = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	set_option(strange, IPPROTO_IP, IP_FREEBIND, 1);
	union address nowhere = address_of("192.0.2.77", 0);
	MUST(bind(strange, &nowhere.any, size_of(&nowhere)));
	int port = port_of(strange);
	int ping = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	union address self = address_of("127.0.0.1", 0);
	MUST(bind(ping, &self.any, size_of(&self)));
	int identifier = port_of(ping);
	int loud = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	union address broadcast = address_of("255.255.255.255", 9);
	set_option(loud, SOL_SOCKET, SO_BROADCAST, 1);
	set_option(loud, SOL_SOCKET, SO_DONTROUTE, 1);
	MUST(setsockopt(loud, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	MUST(connect(loud, &broadcast.any, size_of(&broadcast)));
	int linked = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
	union address of_link = address_of("ff02::123", 0);
	of_link.v6.sin6_scope_id = if_nametoindex("lo");
	MUST(bind(linked, &of_link.any, size_of(&of_link)));
	of_link = local_of(linked);
	ready_and_wait();

	union address after = local_of(linked);
	CHECK(memcmp(&after, &of_link, sizeof(after)) == 0);
	after = local_of(icmp);
	CHECK(after.v4.sin_addr.s_addr == address.v4.sin_addr.s_addr);
	CHECK(option(headless, IPPROTO_IP, IP_HDRINCL) == 0);
	after = local_of(portless);
	CHECK(memcmp(&address, &after, sizeof(address)) == 0);
	CHECK(listen(portless, 1) == 0 && serves(portless, "127.0.0.14"));
	after = local_of(strange);
	CHECK(after.v4.sin_addr.s_addr == nowhere.v4.sin_addr.s_addr && port_of(strange) == port);
	CHECK(option(strange, IPPROTO_IP, IP_FREEBIND) == 1);
	struct icmphdr request = {.type = ICMP_ECHO}, reply = {0};
	CHECK(port_of(ping) == identifier);
	CHECK(sendto(ping, &request, sizeof(request), 0, &self.any, size_of(&self)) == sizeof(request));
	CHECK(recv(ping, &reply, sizeof(reply), 0) == sizeof(reply) && reply.type == ICMP_ECHOREPLY);
	CHECK(ntohs(reply.un.echo.id) == identifier);
	CHECK(option(loud, SOL_SOCKET, SO_BROADCAST) == 1 && option(loud, SOL_SOCKET, SO_DONTROUTE) == 1);
	char device[IFNAMSIZ] = "";
	socklen_t size = sizeof(device);
	CHECK(getsockopt(loud, SOL_SOCKET, SO_BINDTODEVICE, device, &size) == 0 && strcmp(device, "lo") == 0);
}

/* Sockets of ICMP messages. */
PROGRAM(ping)
{
	int fresh = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	int six = MUST(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
	union address self = address_of("127.0.0.1", 0);
	ready_and_wait();

	struct icmphdr request = {.type = ICMP_ECHO}, reply = {0};
	CHECK(sendto(fresh, &request, sizeof(request), 0, &self.any, size_of(&self)) == sizeof(request));
	CHECK(recv(fresh, &reply, sizeof(reply), 0) == sizeof(reply) && reply.type == ICMP_ECHOREPLY);
	CHECK(option(six, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_ICMPV6);
}
