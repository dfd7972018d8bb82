#include "memory.h"
#include <linux/aio_abi.h>

struct ring {
	unsigned id, nr, head, tail, magic, compatible, incompatible, header;
	struct io_event events[];
};

static aio_context_t set_up(unsigned requests)
{
	aio_context_t context = 0;
	MUST(syscall(SYS_io_setup, requests, &context));
	return context;
}

static long submit(aio_context_t context, int fd, uint64_t data, const char *text)
{
	struct iocb request = {
		.aio_data = data,
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)text,
		.aio_nbytes = strlen(text),
	};
	struct iocb *list[] = {&request};
	return syscall(SYS_io_submit, context, 1L, list);
}

static long take(aio_context_t context, struct io_event *event)
{
	return syscall(SYS_io_getevents, context, 0L, 1L, event, NULL);
}

/* Asynchronous requests: events that wait, in a ring that has gone round, in one that is empty, and in a fresh one. */
PROGRAM(events_of_requests)
{
	int null = MUST(open("/dev/null", O_WRONLY)), file = MUST(open(path_of("data"), O_RDWR | O_CREAT, 0644));
	struct io_event event;
	aio_context_t fresh = set_up(10), waiting = set_up(64), round = set_up(20), empty = set_up(1000);
	MUST(submit(waiting, file, 1, "one"));
	MUST(submit(waiting, null, 2, "three"));
	struct ring *ring = (struct ring *)round;
	for (unsigned number = 0; number < ring->nr + 3; number++) {
		MUST(submit(round, null, 100 + number, "x"));
		if (number < ring->nr - 1)
			MUST(take(round, &event));
	}
	for (int number = 0; number < 300; number++) {
		MUST(submit(empty, null, number, "x"));
		MUST(take(empty, &event));
	}
	unsigned positions[] = {ring->head, ring->tail, ring->nr};
	ready_and_wait();

	CHECK(take(fresh, &event) == 0 && submit(fresh, null, 3, "x") == 1);
	CHECK(take(fresh, &event) == 1 && event.data == 3 && event.res == 1);
	CHECK(take(waiting, &event) == 1 && event.data == 1 && event.res == 3);
	CHECK(take(waiting, &event) == 1 && event.data == 2 && event.res == 5);
	CHECK(take(waiting, &event) == 0);
	CHECK(ring->head == positions[0] && ring->tail == positions[1] && ring->nr == positions[2]);
	for (unsigned number = ring->nr - 1; number < positions[2] + 3; number++)
		CHECK(take(round, &event) == 1 && event.data == 100 + number);
	CHECK(take(round, &event) == 0);
	for (unsigned number = 0; number < 20; number++)
		CHECK(submit(round, null, number, "xy") == 1);
	for (unsigned number = 0; number < 20; number++)
		CHECK(take(round, &event) == 1 && event.data == number && event.res == 2);
	CHECK(take(empty, &event) == 0 && submit(empty, file, 4, "four") == 1 && take(empty, &event) == 1);
	CHECK(event.data == 4 && event.res == 4);
	CHECK(syscall(SYS_io_destroy, waiting) == 0 && syscall(SYS_io_destroy, empty) == 0);
}
