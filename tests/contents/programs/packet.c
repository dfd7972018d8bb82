#include "holder.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>

/* A type of packet that nobody else sends. */
#define ETH_P_OWN 0x88b5

enum { PAGE = 4096, FRAME = 1024 };

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	MUST(getsockopt(fd, SOL_PACKET, name, &value, &size));
	return value;
}

static void set_option(int fd, int name, int value)
{
	MUST(setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)));
}

static void bind_to(int fd, int protocol, int device)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = device};
	MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static struct sockaddr_ll name_of(int fd)
{
	struct sockaddr_ll address = {0};
	socklen_t size = sizeof(address);
	MUST(getsockname(fd, (struct sockaddr *)&address, &size));
	return address;
}

/* What the kernel takes for one to leave again. */
static struct packet_mreq membership_of(int type, int size)
{
	return (struct packet_mreq){.mr_ifindex = if_nametoindex("lo"), .mr_type = type, .mr_alen = size};
}

static void add_ring(int fd, int name)
{
	struct tpacket_req ring = {PAGE, 1, FRAME, PAGE / FRAME};
	MUST(setsockopt(fd, SOL_PACKET, name, &ring, sizeof(ring)));
}

/* Packet sockets: fresh, bound to a device, with rings, memberships and in a group. */
PROGRAM(packet_sockets)
{
	int lo = if_nametoindex("lo");
	int fresh = MUST(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
	set_option(fresh, PACKET_VERSION, TPACKET_V2);
	set_option(fresh, PACKET_AUXDATA, 1);
	set_option(fresh, PACKET_LOSS, 1);
	set_option(fresh, PACKET_TIMESTAMP, 2);
	add_ring(fresh, PACKET_RX_RING);
	struct packet_mreq all = membership_of(PACKET_MR_ALLMULTI, 0), one = membership_of(PACKET_MR_UNICAST, 6);
	MUST(setsockopt(fresh, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)));
	int cooked = MUST(socket(AF_PACKET, SOCK_DGRAM, 0));
	set_option(cooked, PACKET_RESERVE, 8);
	set_option(cooked, PACKET_ORIGDEV, 1);
	bind_to(cooked, ETH_P_OWN, lo);
	set_option(cooked, PACKET_FANOUT, 4660);
	MUST(setsockopt(cooked, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &one, sizeof(one)));
	add_ring(cooked, PACKET_TX_RING);
	int header = MUST(socket(AF_PACKET, SOCK_RAW, 0));
	set_option(header, PACKET_VNET_HDR, 1);
	bind_to(header, ETH_P_OWN, 0);
	struct sockaddr_ll names[] = {name_of(fresh), name_of(cooked), name_of(header)};
	ready_and_wait();

	int fds[] = {fresh, cooked, header};
	for (int i = 0; i < 3; i++) {
		struct sockaddr_ll name = name_of(fds[i]);
		CHECK(memcmp(&name, &names[i], sizeof(name)) == 0);
	}
	CHECK(option(fresh, PACKET_VERSION) == TPACKET_V2 && option(fresh, PACKET_AUXDATA) == 1);
	CHECK(option(fresh, PACKET_LOSS) == 1 && option(fresh, PACKET_TIMESTAMP) == 2);
	CHECK(option(cooked, PACKET_RESERVE) == 8 && option(cooked, PACKET_ORIGDEV) == 1);
	CHECK(option(cooked, PACKET_FANOUT) == 4660 && option(fresh, PACKET_FANOUT) == 0);
	CHECK(option(header, PACKET_VNET_HDR) == 1 && fcntl(fresh, F_GETFL) & O_NONBLOCK);
	CHECK(setsockopt(fresh, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &all, sizeof(all)) == 0);
	CHECK(setsockopt(cooked, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &one, sizeof(one)) == 0);
	int sender = MUST(socket(AF_PACKET, SOCK_DGRAM, 0));
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_OWN), .sll_ifindex = lo, .sll_halen = 6};
	char text[8] = "";
	CHECK(sendto(sender, "a packet", 8, 0, (struct sockaddr *)&to, sizeof(to)) == 8);
	struct pollfd waiting = {.fd = cooked, .events = POLLIN};
	CHECK(poll(&waiting, 1, 10000) == 1 && recv(cooked, text, 8, 0) == 8 && memcmp(text, "a packet", 8) == 0);
}

/* Rings that are mapped, in a task that makes others. */
PROGRAM(packet_rings)
{
	int fd = MUST(socket(AF_PACKET, SOCK_DGRAM, 0));
	add_ring(fd, PACKET_RX_RING);
	add_ring(fd, PACKET_TX_RING);
	char *rings = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(rings == MAP_FAILED ? -1 : 0);
	bind_to(fd, ETH_P_OWN, if_nametoindex("lo"));
	pid_t child = fork_as(1);
	if (child == 0) {
		char byte;
		CHECK(read(fd, &byte, 0) == 0);
		while (!may_go())
			sleep_ms(5);
		end_child();
	}
	ready_and_wait();

	struct tpacket_hdr *frame = (struct tpacket_hdr *)rings;
	CHECK(frame->tp_status == TP_STATUS_KERNEL);
	int sender = MUST(socket(AF_PACKET, SOCK_DGRAM, 0));
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_OWN),
				 .sll_ifindex = if_nametoindex("lo"), .sll_halen = 6};
	CHECK(sendto(sender, "in a ring", 9, 0, (struct sockaddr *)&to, sizeof(to)) == 9);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	CHECK(poll(&waiting, 1, 10000) == 1 && frame->tp_status & TP_STATUS_USER);
	CHECK(memcmp((char *)frame + frame->tp_net, "in a ring", 9) == 0);
	join_child(child);
}

/* The type of socket that is bound to the name of a device. */
PROGRAM(packet_by_name)
{
	int fd = MUST(socket(AF_PACKET, SOCK_PACKET, htons(ETH_P_OWN)));
	struct sockaddr address = {.sa_family = AF_PACKET, .sa_data = "lo"};
	MUST(bind(fd, &address, sizeof(address)));
	int loose = MUST(socket(AF_PACKET, SOCK_PACKET, htons(ETH_P_OWN)));
	ready_and_wait();

	struct sockaddr found = {0};
	socklen_t size = sizeof(found);
	CHECK(getsockname(fd, &found, &size) == 0 && strcmp(found.sa_data, "lo") == 0);
	size = sizeof(found);
	CHECK(getsockname(loose, &found, &size) == 0 && found.sa_data[0] == 0);
}
