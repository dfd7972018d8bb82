#include "socket_cgroups.h"

/* What a task has, and the cgroup that it is in. */
struct held {
	uint64_t cgroup;
	int listening, udp, connected;
};

static struct held hold(const char *link)
{
	struct held held = {enter_cgroup(link), bound(SOCK_STREAM, "127.0.0.1", 0), bound(SOCK_DGRAM, "127.0.0.1", 0), -1};
	MUST(listen(held.listening, 1));
	return held;
}

static bool belongs_to_its_cgroup(const struct held *held)
{
	return cgroup_of(held->listening, IPPROTO_TCP) == held->cgroup && cgroup_of(held->udp, IPPROTO_UDP) == held->cgroup &&
	       cgroup_of(held->connected, IPPROTO_TCP) == held->cgroup;
}

/* Two tasks in two cgroups, and a connection between them. */
PROGRAM(socket_cgroups)
{
	char byte = 'x';
	int told[2];
	struct held held = hold("first");
	union address address = local_of(held.listening);
	MUST(pipe(told));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(held.listening);
		close(held.udp);
		struct held own = hold("second");
		own.connected = MUST(socket(AF_INET, SOCK_STREAM, 0));
		MUST(connect(own.connected, &address.any, size_of(&address)));
		MUST(belongs_to_its_cgroup(&own) ? 0 : -1);
		MUST(write(told[1], "", 1));
		while (!may_go())
			sleep_ms(5);
		CHECK(belongs_to_its_cgroup(&own));
		CHECK(write(own.connected, &byte, 1) == 1);
		end_child();
	}
	held.connected = MUST(accept(held.listening, NULL, NULL));
	MUST(read(told[0], &byte, 1));
	MUST(belongs_to_its_cgroup(&held) ? 0 : -1);
	ready_and_wait();
	CHECK(belongs_to_its_cgroup(&held));
	CHECK(read(held.connected, &byte, 1) == 1 && byte == 'x');
	join_child(child);
}
