/* Sockets of TCP, UDP and the like, for programs that hold them. */
#pragma once
#include "holder.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* An address of either family, which the kernel chooses the port of. */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline socklen_t size_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static inline union address address_of(const char *text, int port)
{
	union address address = {0};
	if (strchr(text, ':') == NULL) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
		MUST(inet_pton(AF_INET, text, &address.v4.sin_addr));
	} else {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
		MUST(inet_pton(AF_INET6, text, &address.v6.sin6_addr));
	}
	return address;
}

static inline union address local_of(int fd)
{
	union address address = {0};
	socklen_t size = sizeof(address);
	MUST(getsockname(fd, &address.any, &size));
	return address;
}

static inline int port_of(int fd)
{
	union address address = local_of(fd);
	return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

static inline int state_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
	return info.tcpi_state;
}

static inline int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	MUST(getsockopt(fd, level, name, &value, &size));
	return value;
}

static inline void set_option(int fd, int level, int name, int value)
{
	MUST(setsockopt(fd, level, name, &value, sizeof(value)));
}

static inline int bound(int type, const char *text, int port)
{
	union address address = address_of(text, port);
	int fd = MUST(socket(address.any.sa_family, type, 0));
	MUST(bind(fd, &address.any, size_of(&address)));
	return fd;
}

/* Ends a connection at once: nothing is left of it that would occupy the port for a minute. */
static inline void close_at_once(int fd)
{
	struct linger none = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}
