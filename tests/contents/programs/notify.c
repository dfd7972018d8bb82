#include "holder.h"
#include <dirent.h>
#include <limits.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

/* The events that can be read now, as text: "1:CREATE:a 2:MODIFY". */
static const char *events_of(int fd)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
		{IN_CLOSE_NOWRITE, "CLOSE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
		{IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
		{IN_Q_OVERFLOW, "OVERFLOW"}, {IN_IGNORED, "IGNORED"},
	};
	static char text[2000];
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t size = read(fd, buffer, sizeof(buffer));
	int length = 0;
	text[0] = 0;
	for (ssize_t at = 0; at < size;) {
		const struct inotify_event *event = (const void *)(buffer + at);
		at += sizeof(*event) + event->len;
		length += sprintf(text + length, "%s%d", length == 0 ? "" : " ", event->wd);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if ((event->mask & names[i].bit) != 0)
				length += sprintf(text + length, ":%s", names[i].name);
		if (event->len > 0)
			length += sprintf(text + length, ":%s", event->name);
	}
	return text;
}

/* Fails with what was there instead. */
static void expect_events(int fd, const char *expected, int line)
{
	const char *found = events_of(fd);
	static char what[4000];
	snprintf(what, sizeof(what), "expected \"%s\", found \"%s\"", expected, found);
	check_that(strcmp(found, expected) == 0, what, __FILE__, line);
}
#define EXPECT_EVENTS(fd, expected) expect_events(fd, expected, __LINE__)

static void make_file(const char *path)
{
	close(MUST(open(path, O_WRONLY | O_CREAT, 0644)));
}

/* Numbers with gaps, and masks of directories and files; no events but those that come. */
PROGRAM(inotify_watches)
{
	const char *folder = strdup(path_of("folder"));
	const char *file = strdup(path_of("file"));
	const char *inside = strdup(path_of("folder/inside"));
	MUST(mkdir(folder, 0755));
	make_file(file);
	make_file(inside);
	int fd = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	int empty = MUST(inotify_init1(0));
	for (int i = 0; i < 5; i++)
		MUST(inotify_rm_watch(fd, MUST(inotify_add_watch(fd, folder, IN_OPEN))));
	int on_folder = MUST(inotify_add_watch(fd, folder, IN_CREATE | IN_DELETE | IN_MOVE));
	MUST(inotify_rm_watch(fd, MUST(inotify_add_watch(fd, "/", IN_OPEN))));
	int on_file = MUST(inotify_add_watch(fd, file, IN_ALL_EVENTS));
	int on_inside = MUST(inotify_add_watch(fd, inside, IN_MODIFY | IN_ATTRIB));
	MUST(on_folder == 6 && on_file == 8 && on_inside == 9 ? 0 : -1);
	while (events_of(fd)[0] != 0)
		;
	int other = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(other, file, IN_ALL_EVENTS));
	int started[2], orders[2];
	char byte;
	MUST(pipe(started));
	MUST(pipe(orders));
	pid_t child = fork_as(1);
	if (child == 0) {
		close(other);
		MUST(write(started[1], "s", 1));
		CHECK(read(orders[0], &byte, 1) == 1);
		close(MUST(open(file, O_RDONLY)));
		end_child();
	}
	MUST(read(started[0], &byte, 1));
	ready_and_wait();

	EXPECT_EVENTS(fd, "");
	EXPECT_EVENTS(other, "");
	CHECK(rename(inside, path_of("folder/renamed")) == 0);
	EXPECT_EVENTS(fd, "6:MOVED_FROM:inside 6:MOVED_TO:renamed");
	CHECK(chmod(path_of("folder/renamed"), 0600) == 0);
	EXPECT_EVENTS(fd, "9:ATTRIB");
	int writer = open(file, O_WRONLY);
	CHECK(write(writer, "x", 1) == 1);
	close(writer);
	EXPECT_EVENTS(fd, "8:OPEN 8:MODIFY 8:CLOSE_WRITE");
	EXPECT_EVENTS(other, "1:OPEN 1:MODIFY 1:CLOSE_WRITE");
	make_file(path_of("folder/new"));
	CHECK(unlink(path_of("folder/new")) == 0);
	EXPECT_EVENTS(fd, "6:CREATE:new 6:DELETE:new");
	CHECK(inotify_rm_watch(fd, 6) == 0 && inotify_rm_watch(fd, 7) == -1);
	EXPECT_EVENTS(fd, "6:IGNORED");
	/* Numbers go on behind the last one. */
	CHECK(inotify_add_watch(fd, folder, IN_DELETE) == 10);
	CHECK(inotify_add_watch(empty, folder, IN_DELETE) == 1);
	CHECK((fcntl(empty, F_GETFL) & O_NONBLOCK) == 0);
	CHECK(write(orders[1], "o", 1) == 1);
	join_child(child);
	EXPECT_EVENTS(other, "1:OPEN 1:CLOSE");
}

/* A watch that ends with its first event, and one that leaves out what has no name any more. */
PROGRAM(inotify_manners)
{
	const char *folder = strdup(path_of("folder"));
	MUST(mkdir(folder, 0755));
	make_file(path_of("once"));
	make_file(path_of("folder/gone"));
	int fd = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(fd, path_of("once"), IN_MODIFY | IN_ATTRIB | IN_ONESHOT));
	MUST(inotify_add_watch(fd, folder, IN_MODIFY | IN_EXCL_UNLINK));
	ready_and_wait();

	CHECK(chmod(path_of("once"), 0600) == 0 && chmod(path_of("once"), 0644) == 0);
	EXPECT_EVENTS(fd, "1:ATTRIB 1:IGNORED");
	int writer = open(path_of("folder/gone"), O_WRONLY);
	CHECK(write(writer, "x", 1) == 1);
	EXPECT_EVENTS(fd, "2:MODIFY:gone");
	CHECK(unlink(path_of("folder/gone")) == 0 && write(writer, "y", 1) == 1);
	EXPECT_EVENTS(fd, "");
}

/* More watches than go into one table of calls at once. */
PROGRAM(inotify_many)
{
	int fd = MUST(inotify_init1(IN_NONBLOCK));
	char name[32];
	for (int i = 1; i <= 100; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		MUST(mkdir(path_of(name), 0755));
		MUST(inotify_add_watch(fd, path_of(name), IN_CREATE) == i ? 0 : -1);
	}
	ready_and_wait();

	make_file(path_of("d37/a"));
	make_file(path_of("d100/b"));
	EXPECT_EVENTS(fd, "37:CREATE:a 100:CREATE:b");
}

/* A symbolic link that is watched itself: CRIU finds no path for it. */
PROGRAM(inotify_links)
{
	char target[PATH_MAX];
	MUST(readlink("/etc/mtab", target, sizeof(target)));
	int fd = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(fd, "/etc/mtab", IN_DELETE_SELF | IN_ATTRIB | IN_DONT_FOLLOW));
	ready_and_wait();

	CHECK(lchown("/etc/mtab", -1, 0) == 0);
	EXPECT_EVENTS(fd, "1:ATTRIB");
}

/* How many events can be read, and how many of them are of this kind and of the file with this path. */
static struct counts {
	int all, wanted;
} count_events(int fd, uint64_t mask, const char *path)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct counts counts = {0, 0};
	ssize_t left = read(fd, buffer, sizeof(buffer));
	for (const struct fanotify_event_metadata *event = (const void *)buffer; FAN_EVENT_OK(event, left);
	     event = FAN_EVENT_NEXT(event, left)) {
		char link[64], name[PATH_MAX] = "";
		snprintf(link, sizeof(link), "/proc/self/fd/%d", event->fd);
		counts.all++;
		if (readlink(link, name, sizeof(name) - 1) > 0 && strcmp(name, path) == 0 && event->mask == mask)
			counts.wanted++;
		close(event->fd);
	}
	return counts;
}

/* Marks of a file and a mount, with events that are ignored. */
PROGRAM(fanotify_marks)
{
	const char *file = strdup(path_of("file"));
	const char *quiet = strdup(path_of("quiet"));
	make_file(file);
	make_file(quiet);
	int fd = MUST(fanotify_init(FAN_NONBLOCK | FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE, O_RDONLY | O_LARGEFILE));
	MUST(fanotify_mark(fd, FAN_MARK_ADD, FAN_MODIFY | FAN_CLOSE_WRITE, AT_FDCWD, file));
	MUST(fanotify_mark(fd, FAN_MARK_ADD, FAN_MODIFY, AT_FDCWD, quiet));
	MUST(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_MODIFY, AT_FDCWD,
			   quiet));
	int content = MUST(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDWR));
	MUST(fanotify_mark(content, FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, quiet));
	int mount = MUST(fanotify_init(FAN_NONBLOCK, O_RDONLY));
	MUST(fanotify_mark(mount, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_MODIFY | FAN_ONDIR, AT_FDCWD, "/dev/shm"));
	ready_and_wait();

	int writer = open(quiet, O_WRONLY);
	CHECK(write(writer, "x", 1) == 1);
	close(writer);
	CHECK(count_events(fd, FAN_MODIFY, quiet).all == 0);
	writer = open(file, O_WRONLY);
	CHECK(write(writer, "x", 1) == 1);
	close(writer);
	struct counts counts = count_events(fd, FAN_MODIFY | FAN_CLOSE_WRITE, file);
	CHECK(counts.all == 1 && counts.wanted == 1);
	char shared[64];
	snprintf(shared, sizeof(shared), "/dev/shm/cgr-notify-%d", getpid());
	writer = open(shared, O_WRONLY | O_CREAT, 0600);
	CHECK(write(writer, "x", 1) == 1);
	CHECK(count_events(mount, FAN_MODIFY, shared).wanted == 1);
	unlink(shared);
	/* Whoever reads waits for this one's permission. */
	pid_t child = fork_as(1);
	if (child == 0) {
		char byte;
		int reader = open(quiet, O_RDONLY);
		_exit(read(reader, &byte, 1) == -1 && errno == EPERM ? 0 : 1);
	}
	struct fanotify_event_metadata event;
	CHECK(read(content, &event, sizeof(event)) == sizeof(event) && event.mask == FAN_ACCESS_PERM);
	struct fanotify_response response = {event.fd, FAN_DENY};
	CHECK(write(content, &response, sizeof(response)) == sizeof(response));
	join_child(child);
}
