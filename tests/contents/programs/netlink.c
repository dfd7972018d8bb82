#include "holder.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>

/* A group of NETLINK_USERSOCK, on which the kernel never says anything. */
enum { GROUP = 30 };

static struct sockaddr_nl address_of(uint32_t port, uint32_t groups)
{
	return (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
}

static int bound(int protocol, uint32_t port, uint32_t groups)
{
	int fd = MUST(socket(AF_NETLINK, SOCK_RAW, protocol));
	struct sockaddr_nl address = address_of(port, groups);
	MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static struct sockaddr_nl name_of(int fd)
{
	struct sockaddr_nl address = {0};
	socklen_t size = sizeof(address);
	MUST(getsockname(fd, (struct sockaddr *)&address, &size));
	return address;
}

static struct sockaddr_nl peer_of(int fd)
{
	struct sockaddr_nl address = {0};
	socklen_t size = sizeof(address);
	MUST(getpeername(fd, (struct sockaddr *)&address, &size));
	return address;
}

static bool receives(int fd, uint32_t from)
{
	char text[64];
	struct sockaddr_nl sender = {0};
	socklen_t size = sizeof(sender);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	return poll(&waiting, 1, 10000) == 1 &&
	       recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&sender, &size) == sizeof(struct nlmsghdr) &&
	       sender.nl_pid == from;
}

/* Whether the kernel tells about its devices. */
static bool talks_to_kernel(int fd)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} request = {{sizeof(request), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
	struct nlmsghdr *reply = malloc(65536);
	bool works = send(fd, &request, sizeof(request), 0) == sizeof(request) && recv(fd, reply, 65536, 0) > 0 &&
		     reply->nlmsg_type == RTM_NEWLINK;
	free(reply);
	return works;
}

/* Netlink sockets: fresh, bound, in a group, connected to a port, to a group and to the kernel. */
PROGRAM(netlink_sockets)
{
	uint32_t port = getpid();
	int fresh = MUST(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	int receiver = bound(NETLINK_USERSOCK, port, 0);
	int chosen = bound(NETLINK_USERSOCK, 0, 1u << (GROUP - 1));
	int sender = bound(NETLINK_USERSOCK, port | 1u << 30, 0);
	struct sockaddr_nl to_port = address_of(port, 0), to_group = address_of(0, 1u << (GROUP - 1));
	MUST(connect(sender, (struct sockaddr *)&to_port, sizeof(to_port)));
	int caller = MUST(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_USERSOCK));
	MUST(connect(caller, (struct sockaddr *)&to_group, sizeof(to_group)));
	int route = bound(NETLINK_ROUTE, 0, 0);
	int large = 300000;
	MUST(setsockopt(route, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)));
	struct sockaddr_nl names[] = {name_of(receiver), name_of(chosen), name_of(sender), name_of(caller), name_of(route)};
	ready_and_wait();

	int fds[] = {receiver, chosen, sender, caller, route};
	for (int i = 0; i < 5; i++) {
		struct sockaddr_nl name = name_of(fds[i]);
		CHECK(memcmp(&name, &names[i], sizeof(name)) == 0);
	}
	CHECK(name_of(fresh).nl_pid == 0 && fcntl(fresh, F_GETFD) == FD_CLOEXEC);
	CHECK(peer_of(sender).nl_pid == port && peer_of(caller).nl_groups == 1u << (GROUP - 1) && fcntl(caller, F_GETFL) & O_NONBLOCK);
	struct nlmsghdr message = {sizeof(message), 0x1234, NLM_F_REQUEST, 1, 0};
	CHECK(send(sender, &message, sizeof(message), 0) == sizeof(message) && receives(receiver, port | 1u << 30));
	send(caller, &message, sizeof(message), 0);
	CHECK(receives(chosen, names[3].nl_pid));
	CHECK(talks_to_kernel(route) && talks_to_kernel(fresh));
	int found = 0;
	socklen_t size = sizeof(found);
	CHECK(getsockopt(route, SOL_SOCKET, SO_RCVBUF, &found, &size) == 0 && found == 2 * large);
}

/* Sockets that are connected to a port, and to no group besides. */
PROGRAM(netlink_without_group)
{
	int receiver = bound(NETLINK_USERSOCK, getpid(), 0);
	int sender = bound(NETLINK_USERSOCK, 0, 0);
	struct sockaddr_nl to_port = name_of(receiver);
	MUST(connect(sender, (struct sockaddr *)&to_port, sizeof(to_port)));
	ready_and_wait();

	CHECK(peer_of(sender).nl_pid == to_port.nl_pid && peer_of(sender).nl_groups == 0);
}
