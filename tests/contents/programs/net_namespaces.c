#include "nets.h"
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <linux/sockios.h>

/* Ports that something on the host may have: in a net namespace of one's own, they are free. */
enum { TCP_PORT = 22, UDP_PORT = 53 };

struct text {
	char bytes[65536];
};

/* What a command prints. */
static void output_of(const char *command, struct text *text)
{
	FILE *pipe = popen(command, "r");
	MUST(pipe == NULL ? -1 : 0);
	size_t size = fread(text->bytes, 1, sizeof(text->bytes) - 1, pipe);
	text->bytes[size] = 0;
	pclose(pipe);
}

/*
 * Without the numbers that the kernel gives to other ends and to ports of bridges, without what goes on by itself, and
 * without what nobody can set of an address.
 */
#define NETWORK \
	"ip -details link | sed -E 's/@if[0-9]+/@if/; s/(_timer|port_id|port_no|designated_port) +[^ ]+/\\1/g';" \
	"ip addr | sed -E 's/@if[0-9]+/@if/; s/_lft [0-9]+/_lft/g; s/ stable-privacy//';" \
	"ip route show table all | sed 's/expires [0-9]*/expires/' | sort; ip rule;" \
	"cd /proc/sys/net && grep '' ipv[46]/conf/*/* unix/* ipv4/ping_group_range 2>&1"

/* Its rules for packets, without what is counted; times are in comments. */
static const char *const FILTERS =
	"(nft list ruleset; iptables-legacy-save; ip6tables-legacy-save) |"
	"sed -E '/^#/d; s/\\[[0-9:]+\\]//; s/(packets|bytes) [0-9]+//g'";

/* Checks whether a command says the same of the net namespace as before, or will soon. */
static void check_same(const char *command, const struct text *before)
{
	static struct text after;
	bool is_same = false;
	/* Five seconds, and up to a minute for what the kernel has begun. */
	for (int tries = 0; !is_same && (tries < 25 || (tries < 300 && system(IS_SETTLING) == 0)); tries++) {
		sleep_ms(tries == 0 ? 0 : 200);
		output_of(command, &after);
		is_same = strcmp(before->bytes, after.bytes) == 0;
	}
	if (!is_same)
		fprintf(stderr, "before:\n%s\nafter:\n%s\n", before->bytes, after.bytes);
	CHECK(is_same);
}

/* Notes what a command says of the net namespace, waits, and tells the difference. */
static void ready_with(const char *command)
{
	static struct text before;
	output_of(command, &before);
	ready_and_wait();
	check_same(command, &before);
}

static void ready_with_network(void)
{
	ready_with(NETWORK);
}

/* A new one, in which nothing was set up. */
PROGRAM(net_down)
{
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(if_nametoindex("lo") == 1);
		end_child();
	}
	ready_with_network();
	join_child(child);
}

static struct sockaddr_un abstract(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path + 1, name);
	return address;
}

static void wait_up_to(int fd, int seconds)
{
	struct timeval time = {.tv_sec = seconds};
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
}

/* Waits for nobody: who has restored the network may have lost the way to the address. */
static bool can_connect(int listener)
{
	union address address = local_of(listener);
	int client = MUST(socket(address.any.sa_family, SOCK_STREAM, 0));
	wait_up_to(client, 5);
	bool has_connected = connect(client, &address.any, size_of(&address)) == 0;
	if (has_connected)
		close_at_once(MUST(accept(listener, NULL, NULL)));
	close_at_once(client);
	return has_connected;
}

static int bound_packet_socket(void)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1};
	int fd = MUST(socket(AF_PACKET, SOCK_DGRAM, 0));
	MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static bool hears_packets(int fd)
{
	char bytes[2000];
	ssize_t size;
	int count = 0;
	while ((size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		count++;
	return count > 0;
}

/* Sockets of all kinds, of which some have what is taken on the host. */
PROGRAM(net_sockets)
{
	enter_network();
	run("ip link set lo up");
	int tcp4 = bound(SOCK_STREAM, "127.0.0.1", TCP_PORT), tcp6 = bound(SOCK_STREAM, "::1", TCP_PORT);
	MUST(listen(tcp4, 5));
	MUST(listen(tcp6, 5));
	int udp = bound(SOCK_DGRAM, "127.0.0.1", UDP_PORT);
	int fresh = MUST(socket(AF_INET, SOCK_STREAM, 0));
	struct sockaddr_un name = abstract("cgr-net-namespace");
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 18;
	int local = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), sender = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	MUST(bind(local, (struct sockaddr *)&name, size));
	MUST(sendto(sender, "queued", 6, 0, (struct sockaddr *)&name, size));
	struct sockaddr_nl port = {.nl_family = AF_NETLINK, .nl_pid = 1};
	int netlink = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	MUST(bind(netlink, (struct sockaddr *)&port, sizeof(port)));
	int packets = bound_packet_socket();

	ready_with_network();

	CHECK(can_connect(tcp4) && can_connect(tcp6));
	CHECK(hears_packets(packets));
	union address address = local_of(udp);
	CHECK(sendto(udp, "datagram", 8, 0, &address.any, size_of(&address)) == 8 && receives(udp, "datagram"));
	CHECK(connect(fresh, &address.any, size_of(&address)) == -1 && errno == ECONNREFUSED);
	CHECK(receives(local, "queued"));
	CHECK(sendto(sender, "more", 4, 0, (struct sockaddr *)&name, size) == 4 && receives(local, "more"));
	socklen_t length = sizeof(port);
	CHECK(getsockname(netlink, (struct sockaddr *)&port, &length) == 0 && port.nl_pid == 1);
}

/* Both ends of a connection, and who listens. */
static void connect_within(int *client, int *server)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", TCP_PORT);
	MUST(listen(listener, 5));
	union address address = local_of(listener);
	*client = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(*client, &address.any, size_of(&address)));
	*server = MUST(accept(listener, NULL, NULL));
}

/* A connection between two tasks of one. */
PROGRAM(net_connection)
{
	enter_network();
	run("ip link set lo up");
	int client, server;
	connect_within(&client, &server);
	MUST(send(client, "before", 6, 0));

	ready_with_network();

	CHECK(receives(server, "before"));
	CHECK(send(server, "after", 5, 0) == 5);
	CHECK(receives(client, "after"));
	close_at_once(client);
	close_at_once(server);
}

/* A connection, somebody who is not connected yet, and where that can and cannot be. */
struct filtered {
	union address heard, unheard;
	int client, server, late;
};

/* Rules for packets that let a connection through as long as the kernel knows that it was a new one of some port. */
static struct filtered make_filtered(void)
{
	run("ip link set lo up");
	run("nft -f - <<'RULES'\n"
	    "table inet cgr {\n"
	    " set ports { type inet_service; flags interval; elements = { 20-22, 80 } }\n"
	    " counter seen { packets 5 bytes 300 }\n"
	    " chain input {\n"
	    "  type filter hook input priority filter; policy drop;\n"
	    "  iifname lo ct state new tcp dport @ports counter name seen ct mark set 0x7 accept\n"
	    "  ct state invalid log prefix \"a { b \" drop\n"
	    "  ct mark 0x7 counter accept\n"
	    " }\n"
	    "}\n"
	    "RULES");
	run("iptables-legacy -A INPUT -p tcp --dport 99 -j DROP && ip6tables-legacy -P FORWARD DROP");
	int listener = bound(SOCK_STREAM, "127.0.0.1", TCP_PORT);
	int unheard = bound(SOCK_STREAM, "127.0.0.1", UDP_PORT);
	MUST(listen(listener, 5));
	MUST(listen(unheard, 5));
	struct filtered filtered = {.heard = local_of(listener), .unheard = local_of(unheard)};
	filtered.client = MUST(socket(AF_INET, SOCK_STREAM, 0));
	filtered.late = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(filtered.client, &filtered.heard.any, size_of(&filtered.heard)));
	filtered.server = MUST(accept(listener, NULL, NULL));
	wait_up_to(filtered.client, 5);
	wait_up_to(filtered.server, 5);
	wait_up_to(filtered.late, 1);
	return filtered;
}

static void check_filtered(const struct filtered *filtered)
{
	char buffer[16];
	int client = filtered->client, server = filtered->server;
	CHECK(send(client, "there", 5, 0) == 5 && recv(server, buffer, sizeof(buffer), 0) == 5);
	CHECK(send(server, "back", 4, 0) == 4 && recv(client, buffer, sizeof(buffer), 0) == 4);
	CHECK(connect(filtered->late, &filtered->unheard.any, size_of(&filtered->unheard)) == -1);
	close_at_once(filtered->late);
	int late = MUST(socket(AF_INET, SOCK_STREAM, 0));
	CHECK(connect(late, &filtered->heard.any, size_of(&filtered->heard)) == 0);
	for (int *fd = (int[]){client, server, late, -1}; *fd != -1; fd++)
		close_at_once(*fd);
}

PROGRAM(net_filters)
{
	enter_network();
	struct filtered filtered = make_filtered();
	ready_with(FILTERS);
	check_filtered(&filtered);
}

static void load_rules(const char *rules)
{
	char command[512];
	snprintf(command, sizeof(command),
		 "nft 'flush ruleset\ntable inet cgr {\nchain input {\ntype filter hook input priority filter\n%s\n}\n}\n'",
		 rules);
	run(command);
}

/* A connection of which one side has ended. */
static void wait_with_ended(int client, int server)
{
	wait_up_to(server, 5);
	load_rules("policy drop");

	ready_with(FILTERS);

	char byte;
	run("nft delete table inet cgr");
	CHECK(recv(server, &byte, 1, 0) == 0 && send(server, "late", 4, 0) == 4 && receives(client, "late"));
	close_at_once(client);
	close_at_once(server);
}

/* Rules that let nothing through. */
PROGRAM(net_filtered_end)
{
	int client, server;
	enter_network();
	run("ip link set lo up");
	connect_within(&client, &server);
	MUST(shutdown(client, SHUT_WR));
	while (state_of(client) != TCP_FIN_WAIT2)
		sleep_ms(5);
	wait_with_ended(client, server);
}

/* Rules that let no answer through. */
PROGRAM(net_unanswered_end)
{
	int client, server;
	enter_network();
	run("ip link set lo up");
	connect_within(&client, &server);
	load_rules("tcp sport 22 drop");
	MUST(shutdown(client, SHUT_WR));
	while (state_of(server) != TCP_CLOSE_WAIT)
		sleep_ms(5);
	wait_with_ended(client, server);
}

/* Addresses and routes of both families beyond those that the kernel makes. */
PROGRAM(net_addresses)
{
	enter_network();
	run("ip link set lo up && ip addr add 10.9.8.7/24 dev lo label lo:one && ip addr add 10.9.8.8/24 dev lo &&"
	    "ip addr add 172.16.0.1 peer 172.16.0.2 dev lo && ip -6 addr add fd00::7/64 dev lo && ip -6 addr add fd00::8/64 dev lo &&"
	    "ip route add 10.77.0.0/16 dev lo src 10.9.8.7 metric 7 &&"
	    "ip route add 10.78.0.0/16 via 10.77.0.9 mtu 1000 && ip route add blackhole 10.79.0.0/16 &&"
	    "ip route add default dev lo && ip -6 route add fd77::/32 dev lo metric 77 &&"
	    "ip -6 route add unreachable fd78::/32");
	int tcp = bound(SOCK_STREAM, "10.9.8.7", TCP_PORT), subnet = bound(SOCK_STREAM, "10.9.8.99", TCP_PORT);
	int udp = bound(SOCK_DGRAM, "fd00::7", UDP_PORT);
	MUST(listen(tcp, 5));
	MUST(listen(subnet, 5));

	ready_with_network();

	CHECK(can_connect(tcp) && can_connect(subnet));
	union address address = local_of(udp);
	CHECK(sendto(udp, "datagram", 8, 0, &address.any, size_of(&address)) == 8 && receives(udp, "datagram"));
}

/* An address that the kernel has made for a while. */
PROGRAM(net_temporary)
{
	static struct text text;
	enter_network();
	run("ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up &&"
	    "echo 2 >/proc/sys/net/ipv6/conf/v0/use_tempaddr &&"
	    "ip addr add fd09::5/64 dev v0 mngtmpaddr valid_lft 2000 preferred_lft 1000 && while " IS_SETTLING "; do sleep 0.1; done");
	output_of("ip -6 addr show dev v0 temporary | sed -nE 's/.*inet6 (.*)\\/64 .*/\\1/p' | tr -d '\n'", &text);
	CHECK(strncmp(text.bytes, "fd09:", 5) == 0);
	int udp = bound(SOCK_DGRAM, text.bytes, UDP_PORT);

	ready_and_wait();

	CHECK(system("for try in $(seq 100); do ip -6 addr show dev v0 temporary | grep -q fd09: && exit; sleep 0.1; done; exit 1") == 0);
	run("while " IS_SETTLING "; do sleep 0.1; done");
	union address address = local_of(udp);
	CHECK(sendto(udp, "datagram", 8, 0, &address.any, size_of(&address)) == 8 && receives(udp, "datagram"));
	CHECK(system("ip route get fd09::9 | grep -q ' src fd09::5 '") != 0);
}

/* Routes with several ways, with gateways of another family, in packets of others, for classes of packets, and with limits. */
PROGRAM(net_routes)
{
	enter_network();
	run("ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up &&"
	    "ip addr add 10.3.0.1/24 dev v0 && ip addr add fd03::1/64 dev v0 &&"
	    "ip route add 10.20.0.0/16 nexthop via 10.3.0.2 weight 3 nexthop via 10.3.0.3 &&"
	    "ip route add 10.21.0.0/16 via inet6 fd03::9 dev v0 && ip route add 10.22.0.0/16 dev v0 realm 7 &&"
	    "ip route add 10.23.0.0/16 nexthop encap ip id 5 dst 10.3.0.9 dev v0 nexthop via inet6 fd03::9 dev v0 realm 8 onlink &&"
	    "ip route add 10.24.0.0/16 dev v0 mtu lock 1200 hoplimit 5 initrwnd 9 quickack 1 features ecn rto_min 5ms congctl reno &&"
	    "ip route add 10.25.0.0/16 encap ip id 5 dst 10.3.0.9 dev v0 && ip route add 10.26.0.0/16 tos 0x10 dev v0 &&"
	    "ip route add local 10.27.0.0/16 dev lo table main && ip route add throw 10.28.0.0/16 &&"
	    "ip addr add 10.33.0.1/24 dev v0 && ip addr add 10.33.0.2/24 dev v1 && ip route append default via 10.3.0.9 &&"
	    "ip addr add fd33::1/64 dev v0 && ip addr add fd33::2/64 dev v1 && ip route append default dev v1 &&"
	    "ip -6 route add fd20::/64 nexthop via fd03::2 weight 2 nexthop via fd03::3 &&"
	    "ip -6 route add fd21::/64 from fd03::/64 via fd03::2 && ip -6 route add fd22::/64 via fd03::5 pref high &&"
	    "while " IS_SETTLING "; do sleep 0.1; done");
	ready_with("ip route; ip -6 route | grep -v ^fe80;" NETWORK);
	run("ip route get 10.25.0.1 from 10.3.0.1 && ip route get 10.20.0.1 | grep 'via 10.3.0.[23]' && ip route get 10.21.0.1 | grep fd03::9");
}

/* What comes of sending a datagram to one of our own addresses: 0, or why it could not be sent. */
static int error_of_sending(const char *address, int port)
{
	union address target = address_of(address, port);
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	int error = sendto(fd, "datagram", 8, 0, &target.any, size_of(&target)) == 8 ? 0 : errno;
	close(fd);
	return error;
}

/* Rules for routes with all kinds of conditions and actions, and one of the usual three missing. */
PROGRAM(net_rules)
{
	enter_network();
	run("ip link set lo up && ip addr add 10.9.8.7/24 dev lo");
	/* A rule keeps others from connecting there. */
	union address address = address_of("10.9.8.7", 8);
	int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(connect(udp, &address.any, size_of(&address)));
	run("ip route add 10.78.0.0/16 via 10.9.8.1 &&"
	    "ip rule add from 10.0.0.0/8 table 7 && ip rule del pref 32767 &&"
	    "ip rule add pref 50 table main suppress_prefixlength 0 && ip rule add pref 50 iif lo fwmark 0x10/0xff table 5000 &&"
	    "ip rule add pref 100 not from 10.1.0.0/16 to 10.2.0.0/16 tos 0x10 blackhole && ip rule add pref 200 goto 300 &&"
	    "ip rule add pref 210 goto 999 && ip rule add pref 300 nop protocol static &&"
	    "ip rule add pref 400 oif later0 iif later1 unreachable && ip rule add pref 500 uidrange 1000-1999 prohibit &&"
	    "ip rule del pref 0 && ip rule add pref 0 ipproto udp dport 7-9 prohibit && ip rule add pref 0 table local");

	ready_with_network();

	socklen_t size = sizeof(address);
	CHECK(getpeername(udp, &address.any, &size) == 0 && send(udp, "datagram", 8, 0) == -1 && errno == EACCES);
	CHECK(error_of_sending("10.9.8.7", 8) == EACCES && error_of_sending("10.9.8.7", 10) == 0);
	/* One that does not exist yet is found when it is there. */
	run("ip link add later0 type veth peer name later1");
	CHECK(system("ip rule | grep detached") != 0);
}

/* No rule for routes at all. */
PROGRAM(net_without_rules)
{
	enter_network();
	run("ip link set lo up && ip rule flush && ip rule del pref 0");
	ready_with_network();
	CHECK(error_of_sending("127.0.0.1", 8) == ENETUNREACH);
}

static int open_tun(void)
{
	return MUST(open("/dev/net/tun", O_RDWR));
}

static int attached_tun(const char *name, int flags)
{
	struct ifreq request = {.ifr_flags = flags};
	strcpy(request.ifr_name, name);
	int fd = open_tun();
	MUST(ioctl(fd, TUNSETIFF, &request));
	return fd;
}

static void detach_queue(int fd, int detach)
{
	struct ifreq request = {.ifr_flags = detach ? IFF_DETACH_QUEUE : IFF_ATTACH_QUEUE};
	MUST(ioctl(fd, TUNSETQUEUE, &request));
}

/* Whether a packet that is sent from one of our addresses to another one comes out of a device. */
static bool gets_packet(int fd, const char *from, const char *to)
{
	union address source = address_of(from, 0), target = address_of(to, 7);
	int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(bind(udp, &source.any, sizeof(source.v4)));
	bool found = sendto(udp, "out", 3, 0, &target.any, sizeof(target.v4)) == 3;
	for (char packet[2048] = ""; found;) {
		struct pollfd waiting = {fd, POLLIN, 0};
		if (poll(&waiting, 1, 5000) != 1)
			found = false;
		ssize_t size = found ? read(fd, packet, sizeof(packet)) : 0;
		if (size > 3 && memcmp(packet + size - 3, "out", 3) == 0)
			break;
	}
	close(udp);
	return found;
}

/* A packet of IPv4 from 10.7.0.2:7 to 10.7.0.1 and `port`. */
static bool puts_packet(int fd, int udp, int port)
{
	unsigned char packet[31] = {0x45, 0, 0, sizeof(packet), 0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0, 10, 7, 0, 2, 10, 7, 0, 1,
	                            0, 7, port >> 8, port, 0, 11, 0, 0, 'i', 'n', '!'};
	unsigned sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += packet[i] << 8 | packet[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[10] = sum >> 8;
	packet[11] = sum;
	return write(fd, packet, sizeof(packet)) == sizeof(packet) && receives(udp, "in!");
}

/* What has no name in images, and is there. */
static int flags_of(int fd)
{
	struct ifreq request = {0};
	return ioctl(fd, TUNGETIFF, &request) == -1 ? -1 : (unsigned short)request.ifr_flags;
}

static int number_of(int fd, unsigned long request)
{
	int number = -1;
	MUST(ioctl(fd, request, &number));
	return number;
}

static void set_number(int fd, unsigned long request, int number)
{
	MUST(ioctl(fd, request, &number));
}

/* Devices whose packets go to programs: one that ends with its user, a part of a bridge, one with queues, and one that stays. */
PROGRAM(net_tun)
{
	enter_network();
	run("ip link set lo up");
	int tun = attached_tun("tun7", IFF_TUN | IFF_NO_PI), unattached = open_tun();
	int tap = attached_tun("tap7", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), silent = attached_tun("silent", IFF_TAP);
	int first = attached_tun("queues", IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
	int second = attached_tun("queues", IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
	detach_queue(second, true);
	set_number(tap, TUNSETVNETHDRSZ, 12);
	set_number(tun, TUNSETSNDBUF, 100000);
	run("ip tuntap add mode tun name stays user 1000 group 2000 && ip link add br7 type bridge &&"
	    "ip link set tap7 address 02:00:00:00:00:07 mtu 1400 master br7 && ip link set tap7 up && ip link set br7 up &&"
	    "ip addr add 10.7.0.1/24 dev tun7 && ip link set tun7 up && ip link set queues up &&"
	    /* Until a device has been without a user, the kernel says nothing of its state. */
	    "for name in tun7 tap7 queues; do ip link set $name carrier off && ip link set $name carrier on; done;"
	    "while " IS_SETTLING "; do sleep 0.1; done");
	int udp = bound(SOCK_DGRAM, "10.7.0.1", UDP_PORT);
	int flags[] = {flags_of(tun), flags_of(tap), flags_of(silent), flags_of(first), flags_of(second)};

	ready_with_network();

	CHECK(flags_of(tun) == flags[0] && flags_of(tap) == flags[1] && flags_of(silent) == flags[2]);
	CHECK(flags_of(first) == flags[3] && flags_of(second) == flags[4] && flags_of(unattached) == -1);
	CHECK(number_of(tap, TUNGETVNETHDRSZ) == 12 && number_of(tun, TUNGETSNDBUF) == 100000);
	CHECK(gets_packet(tun, "10.7.0.1", "10.7.0.2") && puts_packet(tun, udp, UDP_PORT));
	detach_queue(second, false);
	close(silent);
	CHECK(if_nametoindex("silent") == 0 && if_nametoindex("stays") != 0);
}

/* A loopback device without what the kernel gives it and its addresses, and with small packets. */
PROGRAM(net_bare)
{
	enter_network();
	run("ip link set lo mtu 1400 multicast on && ip link set lo up && ip addr flush dev lo");
	run("ip addr add 10.1.1.1/32 dev lo && ip addr add fd00::7/60 dev lo && ip -6 route del fd00::/60 dev lo");
	ready_with_network();
}

/* Settings of the namespace and of the device. */
PROGRAM(net_settings)
{
	enter_network();
	run("ip link set lo up");
	run("cd /proc/sys/net && echo 1 >ipv4/conf/all/forwarding && echo 1 >ipv6/conf/all/forwarding &&"
	    "echo 1 >ipv4/conf/all/accept_redirects && echo 2 >ipv4/conf/default/rp_filter &&"
	    "echo 1 >ipv4/conf/lo/accept_local && echo 33 >ipv6/conf/default/hop_limit &&"
	    "echo fd00::1:2:3:4 >ipv6/conf/default/stable_secret && echo 1500 >ipv6/conf/lo/mtu &&"
	    "echo 77 >unix/max_dgram_qlen && echo '5 6' >ipv4/ping_group_range");
	ready_with_network();
}

/* A loopback device without IPv6. */
PROGRAM(net_without_ipv6)
{
	enter_network();
	run("ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
	ready_with_network();
}

/* Of others, who set it up. */
PROGRAM(net_of_others)
{
	enter_network();
	run("ip link set lo up");
	int tcp = MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address any = address_of("0.0.0.0", TCP_PORT);
	MUST(bind(tcp, &any.any, size_of(&any)));
	MUST(listen(tcp, 5));
	ready_and_wait();
	run("ip link set lo up");
	CHECK(can_connect(tcp));
}

/* Runs commands in a network: `descriptor` is open on it. */
static void run_in(int descriptor, const char *commands)
{
	char text[600];
	snprintf(text, sizeof(text), "nsenter --net=/proc/%d/fd/%d sh -c '%s'", getpid(), descriptor, commands);
	run(text);
}

/*
 * A new network with the device eth0, whose other end cgrv0 is in the one before, in a bridge if there is one. Its
 * addresses can be used when this returns.
 */
static void enter_network_with_veth(const char *setup)
{
	char command[400];
	int host = MUST(open("/proc/self/ns/net", O_RDONLY));
	enter_network();
	snprintf(command, sizeof(command),
	         "ip link set lo up && ip link add eth0 index 7 address 02:00:00:00:00:07 mtu 1400 type veth"
	         " peer name cgrv0 netns /proc/%d/fd/%d",
	         getpid(), host);
	run(command);
	run_in(host, "ip link set cgrv0 up && if ip link show cgrvbr; then ip link set cgrv0 master cgrvbr; fi >&2");
	run(setup);
	await_addresses();
	MUST(close(host));
}

/* A device whose other end is outside, with addresses, and routes through it. */
PROGRAM(net_veth)
{
	enter_network_with_veth(
		"ip link set eth0 up && ip addr add 10.4.0.2/24 dev eth0 && ip addr add 10.4.0.3/24 dev eth0 &&"
		"ip addr add 10.6.0.1/24 dev eth0 && ip route del 10.6.0.0/24 && ip route add default via 10.4.0.1 &&"
		"ip route add 10.7.0.0/16 dev eth0 src 10.4.0.3 metric 5 && ip addr add fd04::2/64 dev eth0 &&"
		"ip -6 route add default via fd04::1 && ip -6 route add fd05::/32 via fe80::1 dev eth0 &&"
		"ip -6 route add fd06::/32 via fd04::7 expires 1000 && ip addr add 10.8.0.1/24 dev eth0 valid_lft 1000 preferred_lft 900 &&"
		"echo 2 >/proc/sys/net/ipv4/conf/eth0/rp_filter && echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra");
	int tcp = bound(SOCK_STREAM, "10.4.0.3", TCP_PORT), tcp6 = bound(SOCK_STREAM, "fd04::2", TCP_PORT);
	MUST(listen(tcp, 5));
	MUST(listen(tcp6, 5));

	ready_with_network();

	CHECK(can_connect(tcp) && can_connect(tcp6));
}

/* A connection to who is outside. */
PROGRAM(net_veth_connection)
{
	enter_network_with_veth("ip link set eth0 up && ip addr add 10.4.0.2/24 dev eth0");
	union address server = address_of("10.4.0.1", 7777);
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(fd, &server.any, size_of(&server)));
	ready_and_wait();
	CHECK(send(fd, "hello", 5, 0) == 5);
	char answer[10] = "";
	CHECK(recv(fd, answer, sizeof(answer), 0) == 5 && strcmp(answer, "hello") == 0);
}

/* Who is outside; it says so itself when it is let go. */
PROGRAM(net_veth_server)
{
	int listener = bound(SOCK_STREAM, "10.4.0.1", 7777);
	MUST(listen(listener, 5));
	ready_and_wait();
	int fd = MUST(accept(listener, NULL, NULL));
	char text[10] = "";
	CHECK(recv(fd, text, sizeof(text), 0) == 5);
	CHECK(send(fd, text, 5, 0) == 5);
}

/* A pair of devices that is down, and a device without a link-local address. */
PROGRAM(net_veth_down)
{
	enter_network_with_veth(
		"ip link set eth0 addrgenmode none && ip link set eth0 up && ip addr add 10.4.0.2/24 dev eth0 &&"
		"ip link add down0 type veth peer name down1 && ip addr add 10.5.0.2/24 dev down0");
	ready_with_network();
}

/* Bridges with devices in them, and a pair of devices that is in the namespace with both ends. */
PROGRAM(net_bridge)
{
	enter_network_with_veth(
		"ip link add br0 index 20 type bridge && ip link add in0 index 31 type veth peer name in1 index 30 &&"
		"ip link set in0 master br0 && ip link set eth0 master br0 && ip link set in0 up && ip link set eth0 up &&"
		"ip link set br0 up && ip link set in1 mtu 1300 && ip link set in1 up && ip addr add 10.4.0.2/24 dev br0 &&"
		"ip addr add 10.4.0.9/24 dev in1 && ip link add br1 address 02:00:00:00:00:21 type bridge && ip route add default via 10.4.0.1 dev br0");
	ready_with_network();
}

/* In a shell of busybox, ip is another program, which knows less. */
#define WHOLE_IP "ip() { /usr/bin/ip \"$@\"; };"

/* Whether a packet of IPv6 gets into one of IPv4 for one of our addresses; that one lives as long as it is told. */
static bool sends_within(const char *to, const char *outer, int time_to_live)
{
	unsigned char packet[2048];
	union address target = address_of(to, 9), end = address_of(outer, 0);
	int raw = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_IPV6)), udp = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
	MUST(bind(raw, &end.any, size_of(&end)));
	wait_up_to(raw, 5);
	bool is_sent = sendto(udp, "six", 3, 0, &target.any, size_of(&target)) == 3;
	ssize_t size = is_sent ? recv(raw, packet, sizeof(packet), 0) : 0;
	close(udp);
	close(raw);
	return size > 3 && memcmp(packet + size - 3, "six", 3) == 0 && packet[8] == time_to_live;
}

/* Tunnels: one with all that it can have, one over a device, those without another end and without any, and one that is down. */
PROGRAM(net_sit)
{
	enter_network();
	run(WHOLE_IP "ip link set lo up && ip addr add 10.7.0.1/32 dev lo && ip addr add 10.7.0.2/32 dev lo &&"
	    "ip link add v0 index 21 type veth peer name v1 index 22 && ip link set v0 up && ip link set v1 up &&"
	    "ip link add sit7 index 17 mtu 1400 type sit mode ip6ip local 10.7.0.1 remote 10.7.0.2 ttl 33 tos 0x10 &&"
	    "ip link add over0 type sit mode any local 10.7.0.1 remote 10.7.0.3 ttl inherit nopmtudisc dev v0 &&"
	    "ip link add open0 type sit local 10.7.0.1 && ip tunnel 6rd dev open0 6rd-prefix 2002:aaaa::/32 6rd-relay_prefix 10.0.0.0/8 &&"
	    "ip link add any0 type sit mode ipip remote 10.7.0.7 &&"
	    "ip link add down0 type sit local 10.7.0.1 remote 10.7.0.5 && ip link add bare0 type sit local 10.7.0.1 remote 10.7.0.6 &&"
	    "ip link set bare0 addrgenmode none && for name in sit7 over0 open0 any0 bare0; do ip link set $name up || exit; done &&"
	    "ip addr add fd77::1/64 dev sit7 && ip route add default via 10.7.0.9 dev v0 onlink &&"
	    "while " IS_SETTLING "; do sleep 0.1; done");

	ready_with(WHOLE_IP NETWORK);

	CHECK(sends_within("fd77::9", "10.7.0.2", 33));
}

/* A device that uses another one outside, the bridge cgrvpar. */
PROGRAM(net_macvlan)
{
	char command[200];
	int host = MUST(open("/proc/self/ns/net", O_RDONLY));
	enter_network();
	snprintf(command, sizeof(command),
	         "ip link add link cgrvpar name mv0 index 5 mtu 1400 netns %d type macvlan mode private", getpid());
	run_in(host, command);
	MUST(close(host));
	run("ip link set lo up && ip link set mv0 up && ip addr add 10.4.0.2/24 dev mv0");
	await_addresses();
	ready_with_network();
}

/* The same within. */
PROGRAM(net_macvlan_within)
{
	enter_network();
	run("ip link add br0 address 02:00:00:00:00:20 type bridge &&"
	    "ip link add link br0 name mv1 type macvlan mode vepa");
	ready_with_network();
}

/* A little of everything, in a tree; for calls that fail. */
PROGRAM(net_several)
{
	enter_network_with_veth("ip addr add 10.9.8.7/24 dev lo && ip route add 10.77.0.0/16 dev lo &&"
	                        "ip rule add to 10.77.0.0/16 table main &&"
	                        "ip link set eth0 up && ip addr add 10.4.0.2/24 dev eth0");
	int tcp = bound(SOCK_STREAM, "10.9.8.7", TCP_PORT);
	int tap = attached_tun("tap7", IFF_TAP | IFF_NO_PI);
	MUST(listen(tcp, 5));
	pid_t child = fork_as(1);
	if (child == 0) {
		while (!may_go())
			sleep_ms(5);
		CHECK(can_connect(tcp));
		end_child();
	}
	ready_with_network();
	CHECK(flags_of(tap) == (IFF_TAP | IFF_NO_PI));
	join_child(child);
}

/* What cannot be made again. */
PROGRAM(net_foreign)
{
	enter_network();
	run("ip link set lo up && ip link add br7 type bridge && ip link add mac7 link br7 type macvlan mode passthru &&"
	    "ip nexthop add id 7 dev lo && ip route add 10.5.0.0/16 nhid 7");
	ready_and_wait();
}

static ino_t network_of(int fd)
{
	struct stat state;
	MUST(fstat(fd, &state));
	close(fd);
	return state.st_ino;
}

static ino_t network_of_task(pid_t pid)
{
	return network_of(open_namespace_of(pid, "net"));
}

static bool is_socket_of(int socket, pid_t pid)
{
	return network_of(MUST(ioctl(socket, SIOCGSKNS))) == network_of_task(pid);
}

/* Sockets with the same ports and names in each namespace, with one address of its own. */
struct sockets {
	int everywhere, tcp, udp, local, sender, listener, client, accepted, pair[2], netlink, packets;
};

static struct sockaddr_un nested_name(const char *text, socklen_t *size)
{
	*size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text);
	return abstract(text);
}

static struct sockets make_sockets(const char *own)
{
	struct sockets sockets;
	sockets.everywhere = bound(SOCK_STREAM, "127.0.0.1", TCP_PORT);
	sockets.tcp = bound(SOCK_STREAM, own, TCP_PORT);
	MUST(listen(sockets.everywhere, 5));
	MUST(listen(sockets.tcp, 5));
	sockets.udp = bound(SOCK_DGRAM, own, UDP_PORT);
	union address address = local_of(sockets.udp);
	MUST(connect(sockets.udp, &address.any, size_of(&address)));
	socklen_t size;
	struct sockaddr_un name = nested_name("cgr-nested-datagrams", &size);
	sockets.local = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	sockets.sender = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	MUST(bind(sockets.local, (struct sockaddr *)&name, size));
	MUST(sendto(sockets.sender, own, strlen(own), 0, (struct sockaddr *)&name, size));
	name = nested_name("cgr-nested-stream", &size);
	sockets.listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	sockets.client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(sockets.listener, (struct sockaddr *)&name, size));
	MUST(listen(sockets.listener, 5));
	MUST(connect(sockets.client, (struct sockaddr *)&name, size));
	sockets.accepted = MUST(accept(sockets.listener, NULL, NULL));
	MUST(send(sockets.client, own, strlen(own), 0));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.pair));
	MUST(send(sockets.pair[0], own, strlen(own), 0));
	struct sockaddr_nl port = {.nl_family = AF_NETLINK, .nl_pid = 1};
	sockets.netlink = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	MUST(bind(sockets.netlink, (struct sockaddr *)&port, sizeof(port)));
	sockets.packets = bound_packet_socket();
	return sockets;
}

static void check_sockets(const struct sockets *sockets, const char *own)
{
	const int *all = &sockets->everywhere;
	for (size_t index = 0; index < sizeof(*sockets) / sizeof(*all); index++)
		CHECK(is_socket_of(all[index], getpid()));
	CHECK(can_connect(sockets->everywhere) && can_connect(sockets->tcp));
	CHECK(send(sockets->udp, "datagram", 8, 0) == 8 && receives(sockets->udp, "datagram"));
	CHECK(receives(sockets->local, own) && receives(sockets->accepted, own) && receives(sockets->pair[1], own));
	socklen_t size;
	struct sockaddr_un name = nested_name("cgr-nested-stream", &size);
	int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK(connect(client, (struct sockaddr *)&name, size) == 0 && close(MUST(accept(sockets->listener, NULL, NULL))) == 0);
	name = nested_name("cgr-nested-datagrams", &size);
	CHECK(sendto(sockets->sender, "more", 4, 0, (struct sockaddr *)&name, size) == 4 && receives(sockets->local, "more"));
	struct sockaddr_nl port;
	socklen_t length = sizeof(port);
	CHECK(getsockname(sockets->netlink, (struct sockaddr *)&port, &length) == 0 && port.nl_pid == 1);
	CHECK(hears_packets(sockets->packets));
}

static void set_up_nested(int number)
{
	char commands[500];
	snprintf(commands, sizeof(commands),
		 "ip link set lo up && ip addr add 10.6.%d.1/24 dev lo && ip -6 addr add fd00:6:%d::1/64 dev lo &&"
		 "ip route add 10.7.%d.0/24 via 10.6.%d.9 && echo 7%d > /proc/sys/net/ipv4/conf/lo/tag",
		 number, number, number, number, number);
	run(commands);
}

/* Is where its parent is, and holds what that had made in another one. */
static void live_beside(struct progress *progress, int foreign, pid_t root)
{
	tell_ready(progress, 0);
	await_end(progress);
	CHECK(network_of_task(getpid()) == network_of_task(getppid()));
	CHECK(is_socket_of(foreign, root));
	end_child();
}

/* Is back in the namespace of the root task, with a socket of where its parent is. */
static void live_back(struct progress *progress, pid_t root)
{
	int foreign = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	enter_namespace_of(root, "net");
	tell_ready(progress, 1);
	await_end(progress);
	CHECK(network_of_task(getpid()) == network_of_task(root) && is_socket_of(foreign, getppid()));
	end_child();
}

static void live_deeper(struct progress *progress)
{
	static struct text before;
	enter_network();
	set_up_nested(2);
	struct sockets sockets = make_sockets("10.6.2.1");
	output_of(NETWORK, &before);
	tell_ready(progress, 2);
	await_end(progress);
	check_same(NETWORK, &before);
	check_sockets(&sockets, "10.6.2.1");
	CHECK(network_of_task(getpid()) != network_of_task(getppid()));
	end_child();
}

static void live_nested(struct progress *progress, int foreign)
{
	static struct text before;
	pid_t root = getppid();
	enter_network();
	set_up_nested(1);
	pid_t beside = fork_as(2);
	if (beside == 0)
		live_beside(progress, foreign, root);
	pid_t back = fork_as(3);
	if (back == 0)
		live_back(progress, root);
	pid_t deeper = fork_as(4);
	if (deeper == 0)
		live_deeper(progress);
	struct sockets sockets = make_sockets("10.6.1.1");
	int setting = MUST(open("/proc/sys/net/ipv4/conf/lo/tag", O_RDONLY));
	output_of(NETWORK, &before);
	tell_ready(progress, 3);
	await_end(progress);
	check_same(NETWORK, &before);
	check_sockets(&sockets, "10.6.1.1");
	CHECK(network_of_task(getpid()) != network_of_task(root) && is_socket_of(foreign, root));
	char text[8] = "";
	CHECK(read(setting, text, sizeof(text)) == 3 && strcmp(text, "71\n") == 0);
	join_child(deeper);
	join_child(back);
	join_child(beside);
	end_child();
}

/* Tasks in three of them. */
PROGRAM(net_nested)
{
	struct progress *progress = share_progress();
	enter_network();
	set_up_nested(0);
	struct sockets sockets = make_sockets("10.6.0.1");
	pid_t child = fork_as(1);
	if (child == 0)
		live_nested(progress, sockets.tcp);
	await_ready(progress, 4);
	int nested = open_namespace_of(child, "net");
	ready_with_network();
	check_sockets(&sockets, "10.6.0.1");
	CHECK(network_of(nested) == network_of_task(child));
	progress->may_end = true;
	join_child(child);
}

/* The least of that. */
PROGRAM(net_two)
{
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		enter_network();
		run("ip link set lo up");
		int listener = bound(SOCK_STREAM, "127.0.0.1", TCP_PORT);
		MUST(listen(listener, 5));
		tell_ready(progress, 0);
		await_end(progress);
		CHECK(can_connect(listener) && is_socket_of(listener, getpid()));
		CHECK(network_of_task(getpid()) != network_of_task(getppid()));
		end_child();
	}
	await_ready(progress, 1);
	ready_and_wait();
	progress->may_end = true;
	join_child(child);
}

/* Rules for packets, and what they let through, of a child; and nothing of that where the root task is. */
PROGRAM(net_nested_filters)
{
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		static struct text before;
		enter_network();
		struct filtered filtered = make_filtered();
		output_of(FILTERS, &before);
		tell_ready(progress, 0);
		await_end(progress);
		check_same(FILTERS, &before);
		check_filtered(&filtered);
		end_child();
	}
	await_ready(progress, 1);
	ready_with(FILTERS);
	progress->may_end = true;
	join_child(child);
}

/* A device of a child whose packets go to it, and one that nobody has asked for yet. */
PROGRAM(net_nested_tun)
{
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		static struct text before;
		enter_network();
		int tun = attached_tun("tun7", IFF_TUN | IFF_NO_PI), unattached = open_tun();
		run("ip addr add 10.7.0.1/24 dev tun7 && ip link set tun7 up carrier off && ip link set tun7 carrier on;"
		    "while " IS_SETTLING "; do sleep 0.1; done");
		int udp = bound(SOCK_DGRAM, "10.7.0.1", UDP_PORT);
		output_of(NETWORK, &before);
		tell_ready(progress, 0);
		await_end(progress);
		check_same(NETWORK, &before);
		CHECK(gets_packet(tun, "10.7.0.1", "10.7.0.2") && puts_packet(tun, udp, UDP_PORT));
		struct ifreq request = {.ifr_flags = IFF_TAP, .ifr_name = "late"};
		CHECK(ioctl(unattached, TUNSETIFF, &request) == 0 && if_nametoindex("late") != 0);
		end_child();
	}
	await_ready(progress, 1);
	ready_and_wait();
	CHECK(if_nametoindex("tun7") == 0 && if_nametoindex("late") == 0);
	progress->may_end = true;
	join_child(child);
}

/* With the other ends of devices, and the ids of the namespaces that these are in. */
#define WITH_ENDS "ip -o link | cut -d: -f1,2;" NETWORK

/* Is at a bridge that is where the root task is: at its device eth0, and at another one that leads to the next task. */
static void live_at_bridge(struct progress *progress, int number)
{
	static struct text before;
	char setup[600], next[20], own[20];
	enter_network();
	tell_ready(progress, number);
	await_ready(progress, 3 + number);
	snprintf(setup, sizeof(setup),
	         "ip link set lo up && ip link set eth0 up && ip addr add 10.8.0.%d/24 dev eth0 && ip addr add fd08::%d/64 dev eth0 &&"
	         "ip link set side mtu 1300 && ip link set side up && ip addr add 10.9.0.%d/24 dev side &&"
	         "ip route add default via 10.8.0.1 && echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter",
	         2 + number, 2 + number, 2 + number);
	run(setup);
	/* Both ends have to be up. */
	progress->ready++;
	while (progress->ready < 5)
		sleep_ms(5);
	await_addresses();
	snprintf(own, sizeof(own), "10.9.0.%d", 2 + number);
	snprintf(next, sizeof(next), "10.9.0.%d", 3 - number);
	int udp = bound(SOCK_DGRAM, own, UDP_PORT), tcp = MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address server = address_of("10.8.0.1", TCP_PORT), side = address_of(next, UDP_PORT);
	await_ready(progress, 5 + number);
	MUST(connect(tcp, &server.any, size_of(&server)));
	output_of(WITH_ENDS, &before);
	tell_ready(progress, 5 + number);
	await_end(progress);
	check_same(WITH_ENDS, &before);
	CHECK(send(tcp, own, strlen(own), 0) == (ssize_t)strlen(own) && receives(tcp, "there"));
	CHECK(sendto(udp, own, strlen(own), 0, &side.any, size_of(&side)) == (ssize_t)strlen(own) && receives(udp, next));
	end_child();
}

/* Makes what the tasks are connected with: all but their own ends is down. */
static void connect_tasks(pid_t one, pid_t other)
{
	char command[900];
	snprintf(command, sizeof(command),
	         "ip link set lo up && ip link add br0 index 20 address 02:00:00:00:00:20 type bridge && ip link set br0 up &&"
	         "ip link add one index 8 mtu 1400 type veth peer name eth0 index 8 address 02:00:00:00:00:08 netns %d &&"
	         "ip link add other index 9 mtu 1400 type veth peer name eth0 index 7 netns %d &&"
	         "ip link add side index 21 address 02:00:00:00:00:21 netns %d type veth peer name side index 22 netns %d &&"
	         "for name in one other; do ip link set $name master br0 && ip link set $name up || exit; done &&"
	         "ip addr add 10.8.0.1/24 dev br0 && ip addr add fd08::1/64 dev br0",
	         one, other, one, other);
	run(command);
}

/* Tasks in net namespaces that are connected with each other, and with that of the root task. */
PROGRAM(net_connected)
{
	struct progress *progress = share_progress();
	enter_network();
	pid_t tasks[2];
	for (int number = 0; number < 2; number++) {
		tasks[number] = fork_as(1 + number);
		if (tasks[number] == 0)
			live_at_bridge(progress, number);
	}
	await_ready(progress, 2);
	connect_tasks(tasks[0], tasks[1]);
	int listener = bound(SOCK_STREAM, "10.8.0.1", TCP_PORT), accepted[2];
	MUST(listen(listener, 5));
	progress->ready++;
	await_ready(progress, 7);
	await_addresses();
	for (int number = 0; number < 2; number++)
		accepted[number] = MUST(accept(listener, NULL, NULL));

	ready_with(WITH_ENDS);

	progress->may_end = true;
	for (int number = 0; number < 2; number++) {
		CHECK(receives(accepted[number], number == 0 ? "10.9.0.2" : "10.9.0.3"));
		CHECK(send(accepted[number], "there", 5, 0) == 5);
	}
	for (int number = 0; number < 2; number++)
		join_child(tasks[number]);
}

/* A task whose device uses another one that is where the root task is, and leads back there. */
PROGRAM(net_connected_macvlan)
{
	char command[500];
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		static struct text before;
		enter_network();
		tell_ready(progress, 0);
		await_ready(progress, 2);
		run("ip link set lo up && ip link set mv0 up && ip addr add 10.8.0.2/24 dev mv0");
		await_addresses();
		int udp = bound(SOCK_DGRAM, "10.8.0.2", UDP_PORT);
		output_of(WITH_ENDS, &before);
		tell_ready(progress, 2);
		await_end(progress);
		check_same(WITH_ENDS, &before);
		union address root = address_of("10.8.0.1", UDP_PORT);
		CHECK(receives(udp, "there") && sendto(udp, "back", 4, 0, &root.any, size_of(&root)) == 4);
		end_child();
	}
	await_ready(progress, 1);
	snprintf(command, sizeof(command),
	         "ip link add v0 index 8 type veth peer name v1 index 9 && ip link set v0 up && ip link set v1 up &&"
	         "ip link add link v0 name mv0 index 5 mtu 1400 netns %d type macvlan mode private && ip addr add 10.8.0.1/24 dev v1",
	         child);
	run(command);
	tell_ready(progress, 1);
	await_ready(progress, 3);
	await_addresses();
	int udp = bound(SOCK_DGRAM, "10.8.0.1", UDP_PORT);
	ready_with(WITH_ENDS);
	progress->may_end = true;
	union address other = address_of("10.8.0.2", UDP_PORT);
	CHECK(sendto(udp, "there", 5, 0, &other.any, size_of(&other)) == 5 && receives(udp, "back"));
	join_child(child);
}

/* A tunnel of a child that was made where the root task is: its packets are there. */
PROGRAM(net_sit_moved)
{
	char command[200];
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0) {
		enter_network();
		tell_ready(progress, 0);
		await_end(progress);
		end_child();
	}
	await_ready(progress, 1);
	snprintf(command, sizeof(command),
	         WHOLE_IP "ip link add moved0 type sit local 10.7.0.1 remote 10.7.0.2 && ip link set moved0 netns %d", child);
	run(command);
	ready_and_wait();
	progress->may_end = true;
	join_child(child);
}

/* A child behind the root task, which is connected to the outside; both call their devices the same. */
PROGRAM(net_connected_outside)
{
	char command[300];
	struct progress *progress = share_progress();
	enter_network_with_veth("ip link set eth0 up && ip addr add 10.4.0.2/24 dev eth0 && echo 1 > /proc/sys/net/ipv4/ip_forward");
	pid_t child = fork_as(1);
	if (child == 0) {
		static struct text before;
		enter_network();
		tell_ready(progress, 0);
		await_ready(progress, 2);
		run("ip link set lo up && ip link set eth0 up && ip addr add 10.8.0.2/24 dev eth0 && ip route add default via 10.8.0.1");
		await_addresses();
		output_of(WITH_ENDS, &before);
		tell_ready(progress, 2);
		await_end(progress);
		check_same(WITH_ENDS, &before);
		end_child();
	}
	await_ready(progress, 1);
	snprintf(command, sizeof(command),
	         "ip link add eth1 index 8 type veth peer name eth0 index 7 netns %d && ip link set eth1 up &&"
	         "ip addr add 10.8.0.1/24 dev eth1",
	         child);
	run(command);
	tell_ready(progress, 1);
	await_ready(progress, 3);
	await_addresses();
	ready_with_network();
	progress->may_end = true;
	join_child(child);
}
