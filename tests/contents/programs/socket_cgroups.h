/* Sockets, and the v2 cgroups to which links in a program's directory lead. */
#pragma once
#include "inet.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

/* Returns the id of the cgroup: the number of its inode. */
static inline uint64_t enter_cgroup(const char *link)
{
	char file[32];
	struct stat state;
	snprintf(file, sizeof(file), "%s/cgroup.procs", link);
	put_text(path_of(file), "0");
	MUST(stat(path_of(link), &state));
	return state.st_ino;
}

/* That of its attributes in the answer to a request for sockets. */
static inline uint64_t cgroup_in(const struct nlmsghdr *header)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	int size = NLMSG_PAYLOAD(header, sizeof(*message));
	uint64_t cgroup = 0;
	for (const struct rtattr *one = (const void *)(message + 1); RTA_OK(one, size); one = RTA_NEXT(one, size))
		if (one->rta_type == INET_DIAG_CGROUP_ID)
			memcpy(&cgroup, RTA_DATA(one), sizeof(cgroup));
	return cgroup;
}

/* The id of the v2 cgroup to which a socket of IPv4 belongs. */
static inline uint64_t cgroup_of(int fd, int protocol)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {{.nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	             {.sdiag_family = AF_INET, .sdiag_protocol = protocol, .idiag_states = -1}};
	static char answer[1 << 16];
	uint64_t cgroup = 0;
	struct stat state;
	MUST(fstat(fd, &state));
	int netlink = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
	MUST(send(netlink, &request, sizeof(request), 0));
	for (bool is_last = false; !is_last;) {
		int size = MUST(recv(netlink, answer, sizeof(answer), 0));
		for (struct nlmsghdr *one = (void *)answer; NLMSG_OK(one, size); one = NLMSG_NEXT(one, size)) {
			is_last = one->nlmsg_type == NLMSG_DONE || one->nlmsg_type == NLMSG_ERROR;
			if (is_last)
				break;
			if (((struct inet_diag_msg *)NLMSG_DATA(one))->idiag_inode == state.st_ino)
				cgroup = cgroup_in(one);
		}
	}
	close(netlink);
	return cgroup;
}
