#include "holder.h"
#include <poll.h>
#include <sys/un.h>

/* The descriptor that comes with a message. */
static int receive_descriptor(int socket)
{
	char data[256];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec vector = {data, sizeof(data)};
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd = -1;
	MUST(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int serve_console(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	MUST(listen(listener, 1));
	int connection = MUST(accept(listener, NULL, NULL));
	int master = receive_descriptor(connection);
	close(connection);
	/* The runtime has given up. */
	if (master == -1)
		return 0;
	struct pollfd ends[] = {{.fd = 0, .events = POLLIN}, {.fd = master, .events = POLLIN}};
	/* It ends with the container, of which the terminal is hung up then. */
	while (poll(ends, 2, -1) > 0) {
		if (ends[1].revents != 0 && !pass_on(master, 1))
			break;
		if (ends[0].revents != 0 && !pass_on(0, master))
			ends[0].fd = -1;
	}
	return 0;
}
