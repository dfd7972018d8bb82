/* Memory that can be told apart, and what it allows. */
#pragma once
#include "holder.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* mmap(2) that must work; an address that is given must be free. */
void *map(void *address, size_t size, int protection, int flags, int fd, off_t offset);
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

/* Addresses that nothing uses; what is mapped there stays apart from everything else. */
char *free_addresses(size_t size);

/* Fills whole pages with words that depend on `seed` and the place, and tells whether they are still there. */
void fill(void *memory, size_t size, unsigned seed);
bool is_filled(const void *memory, size_t size, unsigned seed);
bool is_zero(const void *memory, size_t size);

/* A new file of so many bytes, filled with `seed`. */
int make_file(const char *name, size_t size, unsigned seed);

/* Whether an access works; what is written is what was there. `can_run` calls a function, which must return. */
bool can_read(const void *address);
bool can_write(void *address);
bool can_run(const void *address);
/* An access of that kind faults with SIGBUS: behind the end of a file. */
bool is_behind_end(const void *address);

/* Whether VmFlags of smaps has this flag for the mapping that an address is in. */
bool has_vm_flag(const void *address, const char *flag);
/* How many mappings a range is made of. */
int count_mappings(const void *start, size_t size);
