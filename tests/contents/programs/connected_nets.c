#include "nets.h"
#include <net/if.h>

/* Is in a namespace of its own; the device that it has there is connected to the bridge of the root task. */
static void live_behind(struct progress *progress)
{
	enter_network();
	tell_ready(progress, 0);
	await_ready(progress, 2);
	run("ip link set lo up && ip link set in0 up && ip addr add 10.8.0.2/24 dev in0");
	await_addresses();
	int udp = bound(SOCK_DGRAM, "10.8.0.2", 53);
	tell_ready(progress, 2);
	await_end(progress);
	union address root = address_of("10.8.0.1", 53);
	CHECK(if_nametoindex("in0") == 9 && if_nametoindex("br0") == 0);
	CHECK(receives(udp, "there") && sendto(udp, "back", 4, 0, &root.any, size_of(&root)) == 4);
	end_child();
}

/* Two tasks with net namespaces that are connected. It is small, and needs no other program when it is let go. */
PROGRAM(connected_nets)
{
	char command[400];
	struct progress *progress = share_progress();
	enter_network();
	pid_t child = fork_as(1);
	if (child == 0)
		live_behind(progress);
	await_ready(progress, 1);
	snprintf(command, sizeof(command),
	         "ip link set lo up && ip link add br0 index 7 type bridge && ip link set br0 up &&"
	         "ip link add out0 index 8 type veth peer name in0 index 9 netns %d &&"
	         "ip link set out0 master br0 && ip link set out0 up && ip addr add 10.8.0.1/24 dev br0",
	         child);
	run(command);
	tell_ready(progress, 1);
	await_ready(progress, 3);
	await_addresses();
	int udp = bound(SOCK_DGRAM, "10.8.0.1", 53);
	ready_and_wait();
	progress->may_end = true;
	union address other = address_of("10.8.0.2", 53);
	CHECK(if_nametoindex("br0") == 7 && if_nametoindex("out0") == 8 && if_nametoindex("in0") == 0);
	CHECK(sendto(udp, "there", 5, 0, &other.any, size_of(&other)) == 5 && receives(udp, "back"));
	join_child(child);
}
