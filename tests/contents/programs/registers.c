#include "holder.h"
#include <asm/prctl.h>
#include <cpuid.h>
#include <stddef.h>

/*
 * A thread that keeps a value of its own in every register while it spins: nothing but the kernel can change one then.
 * Offsets are those of the assembly below.
 */
#define AREA_SIZE 8192
struct held {
	/* The thread's stack meanwhile. */
	uint8_t room[1024];
	uint64_t stack, features, flags, flags_after;
	uint64_t general[14], general_after[14];
	uint8_t *pattern, *before, *after;
};
_Static_assert(offsetof(struct held, general) == 1056 && offsetof(struct held, pattern) == 1280, "see the assembly");

/* Set by the thread that waits for the end. */
uint64_t registers_may_go;

/* %rcx has to take the loop's condition, which changes no flag; %rsp points to `held`. */
void hold_registers(struct held *held);
asm("hold_registers:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, 1024(%rdi)\n"
    "	lea 1024(%rdi), %rsp\n"
    "	mov 8(%rsp), %eax\n"
    "	mov 12(%rsp), %edx\n"
    "	mov 256(%rsp), %rcx\n"
    "	xrstor64 (%rcx)\n"
    "	mov 264(%rsp), %rcx\n"
    "	xsave64 (%rcx)\n"
    "	pushq 16(%rsp)\n"
    "	popfq\n"
    "	mov 32(%rsp), %rax; mov 40(%rsp), %rbx; mov 48(%rsp), %rdx; mov 56(%rsp), %rsi; mov 64(%rsp), %rdi\n"
    "	mov 72(%rsp), %rbp; mov 80(%rsp), %r8; mov 88(%rsp), %r9; mov 96(%rsp), %r10; mov 104(%rsp), %r11\n"
    "	mov 112(%rsp), %r12; mov 120(%rsp), %r13; mov 128(%rsp), %r14; mov 136(%rsp), %r15\n"
    "1:	pause\n"
    "	mov registers_may_go(%rip), %rcx\n"
    "	jrcxz 1b\n"
    "	mov %rax, 144(%rsp); mov %rbx, 152(%rsp); mov %rdx, 160(%rsp); mov %rsi, 168(%rsp); mov %rdi, 176(%rsp)\n"
    "	mov %rbp, 184(%rsp); mov %r8, 192(%rsp); mov %r9, 200(%rsp); mov %r10, 208(%rsp); mov %r11, 216(%rsp)\n"
    "	mov %r12, 224(%rsp); mov %r13, 232(%rsp); mov %r14, 240(%rsp); mov %r15, 248(%rsp)\n"
    "	pushfq\n"
    "	popq 24(%rsp)\n"
    "	pushq $2\n"
    "	popfq\n"
    "	mov 8(%rsp), %eax\n"
    "	mov 12(%rsp), %edx\n"
    "	mov 272(%rsp), %rcx\n"
    "	xsave64 (%rcx)\n"
    "	mov 0(%rsp), %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

/* Components of XSAVE's area that are filled, if this processor has them: AVX, AVX-512, protection keys. */
static const int components[] = {2, 5, 6, 7, 9};
#define COMPONENTS (sizeof(components) / sizeof(components[0]))

static uint64_t features_of_processor(void)
{
	uint32_t low, high;
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	uint64_t enabled = (uint64_t)high << 32 | low, wanted = 3;
	for (size_t i = 0; i < COMPONENTS; i++)
		wanted |= 1ULL << components[i];
	return enabled & wanted;
}

static void fill(void *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = rand_r(&seed) >> 4;
}

static void component_place(int component, uint32_t *size, uint32_t *offset)
{
	uint32_t ecx, edx;
	__cpuid_count(0xd, component, *size, *offset, ecx, edx);
}

/* Exceptions are masked everywhere, so that any bits are good in the registers of numbers. */
static void make_pattern(uint8_t *area, uint64_t features, unsigned seed)
{
	uint16_t control = 0x0b7f, status = 0x3800;
	uint8_t tags = 0xc3;
	uint32_t mxcsr = 0xffc0 - (seed & 1) * 0x2000;
	memcpy(area, &control, 2);
	memcpy(area + 2, &status, 2);
	area[4] = tags;
	memcpy(area + 24, &mxcsr, 4);
	for (int i = 0; i < 8; i++)
		fill(area + 32 + 16 * i, 10, seed + i);
	fill(area + 160, 256, seed + 8);
	memcpy(area + 512, &features, 8);
	for (size_t i = 0; i < COMPONENTS; i++) {
		uint32_t size, offset;
		component_place(components[i], &size, &offset);
		if ((features >> components[i] & 1) == 0)
			continue;
		fill(area + offset, size, seed + 16 + i);
		/* Pages without a key must stay accessible. */
		if (components[i] == 9)
			memcpy(area + offset, (uint32_t[]){0x55555550, 0}, 8);
	}
}

static void check_components(const struct held *held)
{
	const uint8_t *before = held->before, *after = held->after;
	CHECK(memcmp(before, after, 464) == 0);
	CHECK(memcmp(before + 512, after + 512, 8) == 0);
	for (size_t i = 0; i < COMPONENTS; i++) {
		uint32_t size, offset;
		component_place(components[i], &size, &offset);
		if ((held->features >> components[i] & 1) == 1)
			CHECK(memcmp(before + offset, after + offset, size) == 0);
	}
}

static uint8_t *new_area(void)
{
	return memset(aligned_alloc(64, AREA_SIZE), 0, AREA_SIZE);
}

static struct held *new_held(unsigned seed)
{
	struct held *held = aligned_alloc(64, sizeof(*held) + 64);
	held->pattern = new_area();
	held->before = new_area();
	held->after = new_area();
	held->features = features_of_processor();
	make_pattern(held->pattern, held->features, seed);
	fill(held->general, sizeof(held->general), seed + 100);
	return held;
}

#define FLAGS_ARITHMETIC 0x8d5
#define FLAG_DIRECTION 0x400
#define FLAG_ALIGNMENT 0x40000
/* Reserved, and the interrupt flag. */
#define FLAGS_ALWAYS 0x202

static void *hold_and_check(void *argument)
{
	struct held *held = argument;
	hold_registers(held);
	CHECK(memcmp(held->general, held->general_after, sizeof(held->general)) == 0);
	CHECK(held->flags_after == (held->flags | FLAGS_ALWAYS));
	check_components(held);
	return NULL;
}

static void *wait_for_end(void *unused)
{
	sleep_ms(50);
	ready_and_wait();
	registers_may_go = 1;
	return unused;
}

/* General registers, flags and all that XSAVE has, in two threads; bases of fs and gs. */
PROGRAM(registers)
{
	static uint64_t at_gs = 0x1234567887654321;
	MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, &at_gs));
	struct held *first = new_held(1), *second = new_held(1001);
	first->flags = FLAGS_ARITHMETIC | FLAG_DIRECTION | FLAGS_ALWAYS;
	second->flags = FLAG_ALIGNMENT | FLAGS_ALWAYS;
	pthread_t threads[] = {thread_as(1, hold_and_check, second), thread_as(2, wait_for_end, NULL)};
	hold_and_check(first);
	CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);

	uint64_t read;
	asm volatile("mov %%gs:0, %0" : "=r"(read));
	CHECK(read == at_gs);
}

/* Registers in their initial state, as in a thread that has never used them. */
PROGRAM(initial_registers)
{
	struct held *held = new_held(1);
	memset(held->pattern, 0, AREA_SIZE);
	uint32_t mxcsr = 0x1f80;
	memcpy(held->pattern + 24, &mxcsr, 4);
	held->flags = FLAGS_ALWAYS;
	pthread_t waiting = thread_as(1, wait_for_end, NULL);
	hold_registers(held);
	CHECK(memcmp(held->general, held->general_after, sizeof(held->general)) == 0);
	/* Which of them the processor takes for used is its own business. */
	memcpy(held->after + 512, held->before + 512, 8);
	check_components(held);
	CHECK(pthread_join(waiting, NULL) == 0);
}

/* Selectors that mean nothing to a program of 64 bits, but are there. */
PROGRAM(selectors)
{
	const uint16_t user_data = 0x2b;
	uint64_t base;
	MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	asm volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%gs" : : "r"(user_data));
	ready_and_wait();
	uint16_t ds, es, gs;
	uint64_t now;
	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%gs, %2" : "=r"(ds), "=r"(es), "=r"(gs));
	CHECK(ds == user_data && es == user_data && gs == user_data);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &now) == 0 && now == base);
}
