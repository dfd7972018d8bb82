/* Overlays, as build tools and containers in containers have them in their mount namespaces. */
#include "own_mounts.h"
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/un.h>

static const char *at(const char *below, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s%s", below, name);
	return path_of(path);
}

/* Two lower directories, and what is for an upper one. */
static void make_layers(const char *below)
{
	static const char *const names[] = {"one", "two", "two/deep", "upper", "work", "merged"};
	for (int index = 0; index < 6; index++)
		make_directory(at(below, names[index]));
	make_owned(at(below, "one/both"), "one");
	make_owned(at(below, "two/both"), "two");
	make_owned(at(below, "one/hidden"), "hidden");
	make_owned(at(below, "one/gone"), "gone");
	make_owned(at(below, "two/changed"), "lower");
	make_owned(at(below, "two/file"), "file");
	make_owned(at(below, "two/deep/file"), "deep");
}

/* Options with which the directories of `make_layers` become one. */
static const char *options_for(const char *below, const char *others)
{
	static char options[4096];
	snprintf(options, sizeof(options), "lowerdir=%s:%s,upperdir=%s,workdir=%s%s", at(below, "one"), at(below, "two"),
		 at(below, "upper"), at(below, "work"), others);
	return options;
}

/* What an overlay has that has been used. */
struct used {
	int lower, changed, gone, added, below, directory;
	char *mapped, *private;
};

static struct used use_overlay(const char *below)
{
	struct used used;
	MUST(unlink(at(below, "merged/hidden")));
	used.lower = MUST(open(at(below, "merged/file"), O_RDONLY));
	used.private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, used.lower, 0);
	used.changed = MUST(open(at(below, "merged/changed"), O_RDWR));
	MUST(pwrite(used.changed, "upper", 5, 0));
	MUST(lseek(used.changed, 2, SEEK_SET));
	used.gone = MUST(open(at(below, "merged/gone"), O_RDWR));
	MUST(pwrite(used.gone, "G", 1, 0));
	MUST(unlink(at(below, "merged/gone")));
	make_owned(at(below, "merged/added"), "added");
	used.added = MUST(open(at(below, "merged/added"), O_RDWR));
	used.mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, used.added, 0);
	MUST(unlink(at(below, "merged/added")));
	make_owned(at(below, "merged/deep/below"), "below");
	used.below = MUST(open(at(below, "merged/deep/below"), O_RDONLY));
	MUST(unlink(at(below, "merged/deep/below")));
	used.directory = MUST(open(at(below, "merged/deep"), O_RDONLY | O_DIRECTORY));
	make_owned(at(below, "merged/new"), "new");
	return used;
}

static void check_overlay(const char *below, const struct used *used)
{
	char text[16] = "";
	struct stat state;
	CHECK(has_text(at(below, "merged/both"), "one") && has_text(at(below, "merged/file"), "file"));
	CHECK(access(at(below, "merged/hidden"), F_OK) == -1 && has_text(at(below, "one/hidden"), "hidden"));
	CHECK(access(at(below, "merged/gone"), F_OK) == -1 && has_text(at(below, "one/gone"), "gone"));
	CHECK(has_text(at(below, "two/changed"), "lower") && has_text(at(below, "merged/changed"), "upper"));
	CHECK(has_text(at(below, "upper/new"), "new") && has_text(at(below, "merged/new"), "new"));
	CHECK(stat(at(below, "merged/new"), &state) == 0 && state.st_uid == 12 && state.st_gid == 34);
	CHECK(pread(used->lower, text, 4, 0) == 4 && strcmp(text, "file") == 0 && strcmp(used->private, "file") == 0);
	CHECK(read(used->changed, text, 4) == 3 && strncmp(text, "per", 3) == 0);
	CHECK(pread(used->gone, text, 4, 0) == 4 && strcmp(text, "Gone") == 0);
	CHECK(fstat(used->gone, &state) == 0 && state.st_nlink == 0);
	CHECK(pread(used->below, text, 5, 0) == 5 && strcmp(text, "below") == 0);
	CHECK(access(at(below, "merged/deep/below"), F_OK) == -1);
	CHECK(strcmp(used->mapped, "added") == 0 && access(at(below, "merged/added"), F_OK) == -1);
	used->mapped[0] = 'A';
	CHECK(pread(used->added, text, 5, 0) == 5 && strcmp(text, "Added") == 0);
	CHECK(openat(used->directory, "file", O_RDONLY) != -1);
	make_owned(at(below, "merged/last"), "last");
	CHECK(has_text(at(below, "upper/last"), "last"));
}

/* Of directories that this host has; a part of one, and one that covers its own lower directory. */
PROGRAM(overlays)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_layers("");
		make_directory(path_of("part"));
		make_directory(path_of("covered"));
		make_directory(path_of("covered/upper"));
		make_directory(path_of("covered/work"));
		make_owned(path_of("covered/file"), "covered");
		MUST(mount("own", path_of("merged"), "overlay", MS_NODEV, options_for("", "")));
		MUST(mount(path_of("merged/deep"), path_of("part"), NULL, MS_BIND, NULL));
		MUST(mount(NULL, path_of("part"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
		char options[2048];
		snprintf(options, sizeof(options), "lowerdir=%s:%s,redirect_dir=on", path_of("covered"), path_of("two"));
		MUST(mount("covered", path_of("covered"), "overlay", 0, options));
		run_inside(own_executable(), "overlays");
	}
	struct used used = use_overlay("");
	MUST(chdir(path_of("part")));
	ready_and_wait();
	check_overlay("", &used);
	CHECK(has_text("file", "deep") && (flags_of(".") & ST_RDONLY) != 0);
	CHECK((flags_of(path_of("merged")) & (ST_NODEV | ST_RDONLY)) == ST_NODEV);
	CHECK(has_text(path_of("covered/file"), "covered") && has_text(path_of("covered/both"), "two"));
	CHECK((flags_of(path_of("covered")) & ST_RDONLY) != 0);
	MUST(chdir("/"));
	CHECK(umount(path_of("covered")) == 0 && access(path_of("covered/both"), F_OK) == -1);
}

/* Of directories in file systems of the tasks' own: with names that options have to escape, one on another, with options. */
PROGRAM(overlays_inside)
{
	static const char odd[] = "t/o:d,d\\ =o";
	char options[2048];
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		static const char *const names[] = {"t", "l", "stack", "part"};
		for (int index = 0; index < 4; index++)
			make_directory(path_of(names[index]));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		MUST(mount("l", path_of("l"), "tmpfs", 0, NULL));
		make_layers("t/");
		make_directory(path_of(odd));
		make_owned(at(odd, "/odd"), "odd");
		make_directory(path_of("l/dir"));
		make_owned(path_of("l/dir/other"), "other");
		/* What covers a directory of the one that it is on. */
		MUST(mount("own", path_of("t/merged"), "overlay", 0, options_for("t/", ",volatile,index=off")));
		MUST(mount(NULL, path_of("t/merged"), NULL, MS_SHARED, NULL));
		MUST(mount(path_of("t/merged/deep"), path_of("part"), NULL, MS_BIND, NULL));
		snprintf(options, sizeof(options), "lowerdir=%s:%s/o\\:d\\,d\\\\ =o:%s,xino=on", path_of("l/dir"), path_of("t"),
			 path_of("t/merged"));
		MUST(mount("stack", path_of("stack"), "overlay", MS_NOATIME, options));
		run_inside(own_executable(), "overlays_inside");
	}
	struct used used = use_overlay("t/");
	int odd_file = MUST(open(path_of("stack/odd"), O_RDONLY));
	ready_and_wait();
	check_overlay("t/", &used);
	CHECK(read(odd_file, options, 4) == 3 && has_text(path_of("stack/other"), "other"));
	CHECK(has_text(path_of("stack/deep/file"), "deep") && has_text(path_of("part/file"), "deep"));
	CHECK((flags_of(path_of("stack")) & (ST_NOATIME | ST_RDONLY)) == (ST_NOATIME | ST_RDONLY));
	CHECK(access(path_of("t/work/work/incompat/volatile"), F_OK) == 0);
}

/* Directories as fsconfig(2) takes them, one by one and without backslashes, where the kernel knows that. */
PROGRAM(overlays_listed)
{
	if (!is_inside()) {
		leave_mounts(MS_PRIVATE);
		make_layers("");
		make_directory(path_of("d:e,f\\g"));
		make_owned(path_of("d:e,f\\g/odd"), "odd");
		int setup = MUST(fsopen("overlay", 0));
		MUST(fsconfig(setup, FSCONFIG_SET_STRING, "source", "listed", 0));
		if (fsconfig(setup, FSCONFIG_SET_STRING, "lowerdir+", path_of("d:e,f\\g"), 0) == 0)
			MUST(fsconfig(setup, FSCONFIG_SET_STRING, "lowerdir+", path_of("two"), 0));
		else
			MUST(fsconfig(setup, FSCONFIG_SET_STRING, "lowerdir", path_of("two"), 0));
		MUST(fsconfig(setup, FSCONFIG_SET_STRING, "upperdir", path_of("upper"), 0));
		MUST(fsconfig(setup, FSCONFIG_SET_STRING, "workdir", path_of("work"), 0));
		MUST(fsconfig(setup, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
		int made = MUST(fsmount(setup, 0, 0));
		MUST(move_mount(made, "", AT_FDCWD, path_of("merged"), MOVE_MOUNT_F_EMPTY_PATH));
		run_inside(own_executable(), "overlays_listed");
	}
	bool has_odd = access(path_of("merged/odd"), F_OK) == 0;
	int file = MUST(open(path_of("merged/file"), O_RDWR));
	ready_and_wait();
	char text[8] = "";
	CHECK(read(file, text, 8) == 4 && strcmp(text, "file") == 0);
	CHECK(!has_odd || has_text(path_of("merged/odd"), "odd"));
}

/* Its executable, its root directory and files of other kinds are on an overlay of several file systems. */
PROGRAM(overlays_used)
{
	if (!is_inside()) {
		char options[2048];
		leave_mounts(MS_PRIVATE);
		make_layers("");
		copy_file(own_executable(), path_of("two/holder"));
		make_directory(path_of("t"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_directory(path_of("t/lower"));
		make_owned(path_of("t/lower/far"), "far");
		make_directory(path_of("t/lower/point"));
		snprintf(options, sizeof(options), "lowerdir=%s:%s,upperdir=%s,workdir=%s", path_of("two"), path_of("t/lower"),
			 path_of("upper"), path_of("work"));
		MUST(mount("used", path_of("merged"), "overlay", 0, options));
		MUST(mount("on", path_of("merged/point"), "tmpfs", 0, NULL));
		run_inside(path_of("merged/holder"), "overlays_used");
	}
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path_of("merged/socket"));
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(listener, (struct sockaddr *)&name, sizeof(name)));
	MUST(listen(listener, 5));
	MUST(mkfifo(path_of("merged/fifo"), 0600));
	int fifo = MUST(open(path_of("merged/fifo"), O_RDWR));
	MUST(write(fifo, "fifo", 4));
	int far = MUST(open(path_of("merged/far"), O_RDONLY));
	int own = MUST(open(path_of("merged/both"), O_RDWR));
	MUST(flock(own, LOCK_EX));
	make_owned(path_of("merged/point/file"), "on");
	int on = MUST(open(path_of("merged/point/file"), O_RDONLY));
	pid_t child = fork_as(1);
	if (child == 0) {
		MUST(chroot(path_of("merged")));
		MUST(chdir("/deep"));
		while (!may_go())
			sleep_ms(5);
		end_child();
	}

	ready_and_wait();

	char text[512] = "";
	CHECK(strcmp(own_executable(), path_of("merged/holder")) == 0);
	CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(read(fifo, text, 8) == 4 && strncmp(text, "fifo", 4) == 0);
	CHECK(read(far, text, 8) == 3 && strncmp(text, "far", 3) == 0 && read(on, text, 8) == 2);
	int other = open(path_of("merged/both"), O_RDWR);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* For tasks that do not see the program's directory. */
static volatile bool *may_end;

static void await_end(const char *name)
{
	put_text(path_of(name), "");
	while (!*may_end)
		sleep_ms(5);
}

static void own_namespace(void)
{
	MUST(unshare(CLONE_NEWNS));
	MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* Has an overlay that the others do not see. */
static void live_beside(void)
{
	own_namespace();
	MUST(mount("beside", path_of("t/merged"), "overlay", 0, options_for("t/", "")));
	struct used used = use_overlay("t/");
	await_end("beside");
	check_overlay("t/", &used);
	end_child();
}

/* Makes a mount the root directory, in which the program's directory is at the same place. */
static void enter_root(const char *root)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s%s", root, directory);
	MUST(mount(directory, path, NULL, MS_BIND, NULL));
	MUST(chdir(root));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
}

/* Has the overlay that the root task sees as well for its root directory, as containers have what their engine mounts. */
static void live_in_common(void)
{
	own_namespace();
	enter_root(path_of("merged"));
	int file = MUST(open("/file", O_RDONLY));
	await_end("contained");
	char text[16] = "";
	CHECK(read(file, text, sizeof(text)) == 4 && strcmp(text, "file") == 0 && access("/proc", F_OK) == -1);
	make_owned("/contained", "contained");
	end_child();
}

/* Has an overlay for its root directory, as a sandbox has it, and sees none of the directories that this is made of. */
static void live_in_sandbox(void)
{
	char options[2048];
	own_namespace();
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", path_of("t/root"), path_of("t/changes"),
		 path_of("t/room"));
	MUST(mount("sandbox", path_of("sandbox"), "overlay", MS_NOSUID, options));
	enter_root(path_of("sandbox"));
	int file = MUST(open("/here", O_RDONLY));
	make_owned("/made", "made");
	int gone = MUST(open("/gone", O_RDWR | O_CREAT, 0600));
	MUST(write(gone, "gone", 4));
	MUST(unlink("/gone"));
	await_end("sandboxed");
	char text[16] = "";
	CHECK(read(file, text, sizeof(text)) == 4 && strcmp(text, "root") == 0 && has_text("/made", "made"));
	CHECK(pread(gone, text, 4, 0) == 4 && strcmp(text, "gone") == 0 && access("/gone", F_OK) == -1);
	CHECK(access("/proc", F_OK) == -1 && access(path_of("t/one"), F_OK) == -1 && (flags_of("/") & ST_NOSUID) != 0);
	end_child();
}

/* In mount namespaces of some tasks, and one that two of them have. */
PROGRAM(overlays_nested)
{
	if (!is_inside()) {
		char root[1024];
		leave_mounts(MS_PRIVATE);
		make_directory(path_of("t"));
		make_directory(path_of("sandbox"));
		MUST(mount("t", path_of("t"), "tmpfs", 0, NULL));
		make_layers("t/");
		snprintf(root, sizeof(root), "%s%s", path_of("t/root"), directory);
		make_directories(root);
		make_owned(path_of("t/root/here"), "root");
		make_directory(path_of("t/changes"));
		make_directory(path_of("t/room"));
		make_layers("");
		snprintf(root, sizeof(root), "%s%s", path_of("two"), directory);
		make_directories(root);
		MUST(mount("common", path_of("merged"), "overlay", 0, options_for("", "")));
		run_inside(own_executable(), "overlays_nested");
	}
	may_end = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t beside = fork_as(1);
	if (beside == 0)
		live_beside();
	await_file("beside");
	pid_t sandboxed = fork_as(2);
	if (sandboxed == 0)
		live_in_sandbox();
	await_file("sandboxed");
	pid_t contained = fork_as(3);
	if (contained == 0)
		live_in_common();
	await_file("contained");
	struct used used = use_overlay("");
	ready_and_wait();
	check_overlay("", &used);
	*may_end = true;
	join_child(beside);
	join_child(sandboxed);
	join_child(contained);
	CHECK(has_text(path_of("merged/contained"), "contained"));
	CHECK(access(path_of("t/merged/file"), F_OK) == -1 && has_text(path_of("t/changes/made"), "made"));
	CHECK(has_text(path_of("t/upper/last"), "last"));
}
