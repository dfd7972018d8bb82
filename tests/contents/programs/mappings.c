#include "memory.h"

#define PROTECTIONS 8

/* `ret` of x86-64, so that pages can be run. */
#define RETURN 0xc3

struct kind {
	int flags;
	bool has_file;
};

static const struct kind kinds[] = {
	{MAP_PRIVATE | MAP_ANONYMOUS, false},
	{MAP_SHARED | MAP_ANONYMOUS, false},
	{MAP_PRIVATE, true},
	{MAP_SHARED, true},
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* Private and shared memory, of files and without, with every protection, written to and not. */
PROGRAM(protections)
{
	int fd = make_file("data", PAGE, 1);
	char returns[PAGE];
	memset(returns, RETURN, PAGE);
	MUST(pwrite(fd, returns, PAGE, 0));
	char *written = free_addresses(2 * KINDS * PROTECTIONS * 2 * PAGE);
	char *untouched = written + KINDS * PROTECTIONS * 2 * PAGE;
	for (size_t number = 0; number < KINDS * PROTECTIONS; number++) {
		const struct kind *kind = &kinds[number / PROTECTIONS];
		int protection = number % PROTECTIONS, file = kind->has_file ? fd : -1;
		char *page = map(written + 2 * PAGE * number, PAGE, RW, kind->flags, file, 0);
		memset(page, RETURN, PAGE);
		page[1] = kind->flags & MAP_SHARED ? (char)RETURN : (char)number;
		MUST(mprotect(page, PAGE, protection));
		map(untouched + 2 * PAGE * number, PAGE, protection, kind->flags, file, 0);
	}
	/* What may be written may be read on x86-64; what may be run, where the processor has no protection keys. */
	bool can_read_run = can_read(written + 2 * PAGE * PROT_EXEC);

	ready_and_wait();

	for (size_t number = 0; number < KINDS * PROTECTIONS; number++) {
		const struct kind *kind = &kinds[number / PROTECTIONS];
		int protection = number % PROTECTIONS;
		char *page = written + 2 * PAGE * number, *other = untouched + 2 * PAGE * number;
		bool is_readable = protection == PROT_EXEC ? can_read_run : protection != PROT_NONE;
		CHECK(can_read(page) == is_readable && can_read(other) == is_readable);
		CHECK(can_write(page) == ((protection & PROT_WRITE) != 0));
		CHECK(can_write(other) == ((protection & PROT_WRITE) != 0));
		CHECK(can_run(page) == ((protection & PROT_EXEC) != 0));
		MUST(mprotect(page, PAGE, PROT_READ));
		MUST(mprotect(other, PAGE, PROT_READ));
		CHECK(page[0] == (char)RETURN);
		CHECK(page[1] == (kind->flags & MAP_SHARED ? (char)RETURN : (char)number));
		CHECK(kind->has_file ? other[0] == (char)RETURN : is_zero(other, PAGE));
	}
}

/* Files of which some pages are the task's own, and mappings that reach behind the end. */
PROGRAM(file_mappings)
{
	int fd = make_file("data", 5 * PAGE, 1);
	char *mixed = map(NULL, 5 * PAGE, RW, MAP_PRIVATE, fd, 0);
	fill(mixed + 2 * PAGE, PAGE, 2);
	char *read_only = map(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE);
	fill(read_only + PAGE, PAGE, 3);
	MUST(mprotect(read_only, 3 * PAGE, PROT_READ));

	/* The end is in the second page. */
	int short_fd = make_file("short", PAGE + 100, 4);
	char *shared_end = map(NULL, 4 * PAGE, RW, MAP_SHARED, short_fd, 0);
	char *private_end = map(NULL, 4 * PAGE, RW, MAP_PRIVATE, short_fd, 0);
	private_end[PAGE + 99] = 'a';
	private_end[PAGE + 200] = 'b';

	/* Neighbours of one file: the same, of another offset, and the other way round. */
	char *pieces = free_addresses(6 * PAGE);
	map(pieces, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	map(pieces + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
	map(pieces + 3 * PAGE, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	map(pieces + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	map(pieces + 5 * PAGE, PAGE, PROT_READ, MAP_SHARED, fd, 3 * PAGE);
	ready_and_wait();

	char *file = map(NULL, 5 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(is_filled(file, 5 * PAGE, 1));
	CHECK(memcmp(mixed, file, 2 * PAGE) == 0 && is_filled(mixed + 2 * PAGE, PAGE, 2));
	file[3 * PAGE] ^= 1;
	CHECK(memcmp(mixed + 3 * PAGE, file + 3 * PAGE, 2 * PAGE) == 0);
	CHECK(is_filled(read_only + PAGE, PAGE, 3) && !can_write(read_only + PAGE) && !can_write(read_only));
	CHECK(memcmp(read_only, file + 2 * PAGE, PAGE) == 0);
	CHECK(memcmp(pieces, file, 3 * PAGE) == 0 && memcmp(pieces + 3 * PAGE, file + PAGE, PAGE) == 0);
	CHECK(memcmp(pieces + 4 * PAGE, file + 2 * PAGE, 2 * PAGE) == 0);

	CHECK(can_read(shared_end + PAGE) && is_behind_end(shared_end + 2 * PAGE));
	CHECK(private_end[PAGE + 99] == 'a' && private_end[PAGE + 200] == 'b');
	CHECK(is_behind_end(private_end + 2 * PAGE) && is_behind_end(private_end + 3 * PAGE));
	MUST(ftruncate(short_fd, 4 * PAGE));
	shared_end[3 * PAGE] = 'c';
	char byte;
	CHECK(pread(short_fd, &byte, 1, 3 * PAGE) == 1 && byte == 'c' && private_end[3 * PAGE] == 'c');
}

/* How a file was opened decides what its mappings can become. */
PROGRAM(opened_mappings)
{
	int fd = make_file("data", 2 * PAGE, 1);
	int reading = MUST(open(path_of("data"), O_RDONLY));
	char *closed = map(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, reading, 0);
	char *open = map(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *half = map(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	MUST(mprotect(half + PAGE, PAGE, RW));
	char *private = map(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, reading, 0);
	char *zero = map(NULL, 2 * PAGE, RW, MAP_PRIVATE, MUST(openat(AT_FDCWD, "/dev/zero", O_RDWR)), 0);
	fill(zero + PAGE, PAGE, 2);
	char *nothing = map(NULL, PAGE, PROT_READ, MAP_PRIVATE, MUST(openat(AT_FDCWD, "/dev/zero", O_RDONLY)), 0);
	close(reading);
	ready_and_wait();

	CHECK(mprotect(closed, PAGE, RW) == -1 && errno == EACCES);
	CHECK(mprotect(open, PAGE, RW) == 0 && can_write(open));
	CHECK(!can_write(half) && can_write(half + PAGE));
	CHECK(mprotect(private, PAGE, RW) == 0);
	private[0] ^= 1;
	CHECK(is_filled(open, 2 * PAGE, 1) && is_filled(closed, 2 * PAGE, 1) && is_filled(half, 2 * PAGE, 1));
	CHECK(is_zero(zero, PAGE) && is_filled(zero + PAGE, PAGE, 2) && is_zero(nothing, PAGE));
	zero[0] = 1;
	CHECK(is_zero(nothing, PAGE));
}

/* Moves pages with what is in them, so that they become neighbours of what is just like them. */
static void move(char *from, size_t pages, char *to)
{
	char *moved = mremap(from, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	MUST(moved == to ? 0 : -1);
}

/* Neighbours of which the kernel could make one mapping, and has not. */
PROGRAM(neighbours)
{
	int fd = make_file("data", 8 * PAGE, 1);
	char *space = free_addresses(64 * PAGE);
	/* Three in a row, the last without anything in its first page. */
	char *row = map(space, 2 * PAGE, RW, ANONYMOUS, -1, 0);
	fill(row, 2 * PAGE, 2);
	for (int number = 1; number < 3; number++) {
		char *page = map(space + (8 + 4 * number) * PAGE, 2 * PAGE, RW, ANONYMOUS, -1, 0);
		fill(page + PAGE, PAGE, 2 + number);
		move(page, 2, row + 2 * number * PAGE);
	}
	/* Of a file, and read-only. */
	char *file = map(space + 20 * PAGE, 2 * PAGE, RW, MAP_PRIVATE, fd, 0), *rest;
	fill(file + PAGE, PAGE, 5);
	rest = map(space + 26 * PAGE, 2 * PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE);
	fill(rest, PAGE, 6);
	move(rest, 2, file + 2 * PAGE);
	MUST(mprotect(file, 4 * PAGE, PROT_READ));
	char *advised = map(space + 40 * PAGE, PAGE, RW, ANONYMOUS, -1, 0), *other;
	fill(advised, PAGE, 7);
	other = map(space + 44 * PAGE, PAGE, RW, ANONYMOUS, -1, 0);
	fill(other, PAGE, 8);
	move(other, 1, advised + PAGE);
	MUST(madvise(advised, 2 * PAGE, MADV_DONTDUMP));
	ready_and_wait();

	CHECK(count_mappings(row, 6 * PAGE) == 3 && count_mappings(file, 4 * PAGE) == 2);
	CHECK(count_mappings(advised, 2 * PAGE) == 2 && has_vm_flag(advised, "dd") && has_vm_flag(advised + PAGE, "dd"));
	CHECK(is_filled(row, 2 * PAGE, 2) && is_zero(row + 2 * PAGE, PAGE) && is_filled(row + 3 * PAGE, PAGE, 3));
	CHECK(is_zero(row + 4 * PAGE, PAGE) && is_filled(row + 5 * PAGE, PAGE, 4));
	char *content = map(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(memcmp(file, content, PAGE) == 0 && is_filled(file + PAGE, PAGE, 5));
	CHECK(is_filled(file + 2 * PAGE, PAGE, 6) && memcmp(file + 3 * PAGE, content + 3 * PAGE, PAGE) == 0);
	CHECK(is_filled(advised, PAGE, 7) && is_filled(advised + PAGE, PAGE, 8));
}

#define FILES 60

/* Files that are mapped in turns: all first pages, then all second ones. */
PROGRAM(files_in_turns)
{
	char *memory = free_addresses(2 * FILES * PAGE);
	for (int number = 0; number < FILES; number++) {
		char name[16];
		snprintf(name, sizeof(name), "turn%d", number);
		int fd = make_file(name, 2 * PAGE, number);
		for (int page = 0; page < 2; page++)
			map(memory + (page * FILES + number) * PAGE, PAGE, RW, MAP_PRIVATE, fd, page * PAGE);
		MUST(pwrite(fd, &number, sizeof(number), PAGE));
		MUST(close(fd));
		memory[number * PAGE] = -number;
	}
	ready_and_wait();
	for (int number = 0; number < FILES; number++) {
		CHECK(memory[number * PAGE] == (char)-number);
		CHECK(memcmp(memory + (FILES + number) * PAGE, &number, sizeof(number)) == 0);
	}
}
