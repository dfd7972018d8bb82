/**
 * A shared library made in memory, whose functions call others and give back minus the errno, as the kernel itself does.
 *
 * Between the return of a function and the next statement of JavaScript, the runtime may collect garbage or wake a
 * thread, and leave another errno behind. So errno is read by the instructions that follow the call. They are a library
 * because what Deno calls by its address alone takes three times as long.
 */

import {
  ALIGNMENT,
  ELF_MACHINES,
  elfHeader,
  elfSegment,
  ET_DYN,
  HEADER_WORDS,
  PF_READ,
  PF_RUN,
  PF_WRITE,
  PT_DYNAMIC,
  PT_GNU_STACK,
  PT_LOAD,
  SEGMENT_WORDS,
  WORD,
} from "./elf.ts";
import { bytesOf, type Listing } from "./machine_code.ts";

type Architecture = typeof Deno.build.arch;

/** Functions of the library: each calls its first argument with the others, which are six at most. */
const CALL_FUNCTIONS = {
  /** For functions that fail with -1. */
  call: { x86_64: ["83f8ff", "cmp eax, -1"], aarch64: ["1f040031", "cmn w0, 1"] },
  /** For functions that fail with NULL. */
  call_pointer: { x86_64: ["4885c0", "test rax, rax"], aarch64: ["1f0000f1", "cmp x0, 0"] },
} as const satisfies Record<string, Record<Architecture, Listing[number]>>;

type CallFunction = keyof typeof CALL_FUNCTIONS;

/** The instructions of a function, behind which the address of errno stands. */
export function listCall(name: CallFunction, architecture: Architecture): Listing {
  const test = CALL_FUNCTIONS[name][architecture];
  return architecture === "x86_64" ? listX86(test) : listArm(test);
}

function listX86(test: Listing[number]): Listing {
  return [
    ["4989fb", "mov r11, rdi"],
    ["4889f7", "mov rdi, rsi"],
    ["4889d6", "mov rsi, rdx"],
    ["4889ca", "mov rdx, rcx"],
    ["4c89c1", "mov rcx, r8"],
    ["4d89c8", "mov r8, r9"],
    ["4c8b4c2408", "mov r9, [rsp + 8]"],
    ["4883ec08", "sub rsp, 8"],
    ["31c0", "xor eax, eax"], // how many vector registers hold arguments, which a variadic function asks for
    ["41ffd3", "call r11"],
    test,
    ["750c", "jne done"],
    ["488b050c000000", "mov rax, [rip + errno]"],
    ["8b00", "mov eax, [rax]"],
    ["48f7d8", "neg rax"],
    ["4883c408", "done: add rsp, 8"],
    ["c3", "ret"],
    ["6690", "errno = . + 2; xchg ax, ax"],
  ];
}

function listArm(test: Listing[number]): Listing {
  return [
    ["fd7bbfa9", "stp x29, x30, [sp, -16]!"],
    ["e90300aa", "mov x9, x0"],
    ["e00301aa", "mov x0, x1"],
    ["e10302aa", "mov x1, x2"],
    ["e20303aa", "mov x2, x3"],
    ["e30304aa", "mov x3, x4"],
    ["e40305aa", "mov x4, x5"],
    ["e50306aa", "mov x5, x6"],
    ["20013fd6", "blr x9"],
    test,
    ["81000054", "b.ne done"],
    ["a0000058", "ldr x0, errno"],
    ["000040b9", "ldr w0, [x0]"],
    ["e00300cb", "neg x0, x0"],
    ["fd7bc1a8", "done: ldp x29, x30, [sp], 16"],
    ["c0035fd6", "errno = . + 4; ret"],
  ];
}

const SEGMENTS = 4;
const SYMBOL_WORDS = 3;
const DYNAMIC_WORDS = 12;
/** The null byte that names begin with, then each name with its own. */
const NAMES = "\0call\0call_pointer\0";
/** One bucket of two symbols, 1 and then 2: the counts of buckets and symbols, the bucket, the chain. */
const HASH = Uint32Array.of(1, 3, 1, 0, 2, 0);

/**
 * The library as an ELF file (elf(5)), for the thread of this process whose errno is at `errno`.
 *
 * The file is mapped twice as a whole: to be read and run; and to be written, because the dynamic linker replaces the
 * addresses in the dynamic section by those in memory.
 */
export function buildCallLibrary(errno: bigint, architecture: Architecture): Uint8Array<ArrayBuffer> {
  const names = wordsOf(new TextEncoder().encode(NAMES));
  const hash = wordsOf(new Uint8Array(HASH.buffer));
  const call = codeOf("call", { errno, architecture });
  const callPointer = codeOf("call_pointer", { errno, architecture });

  const symbolsAt = HEADER_WORDS + SEGMENTS * SEGMENT_WORDS;
  const hashAt = symbolsAt + 3 * SYMBOL_WORDS;
  const namesAt = hashAt + hash.length;
  const callAt = namesAt + names.length;
  const callPointerAt = callAt + call.length;
  const dynamicAt = callPointerAt + callPointer.length;
  const size = addressOf(dynamicAt + DYNAMIC_WORDS);

  const words = [
    ...elfHeader({ type: ET_DYN, machine: ELF_MACHINES[architecture], segments: SEGMENTS }),
    ...elfSegment(PT_LOAD | PF_READ | PF_RUN, { offset: 0n, base: 0n, size }),
    ...elfSegment(PT_LOAD | PF_READ | PF_WRITE, { offset: 0n, base: ALIGNMENT, size }),
    ...elfSegment(PT_DYNAMIC | PF_READ | PF_WRITE, {
      offset: addressOf(dynamicAt),
      base: ALIGNMENT,
      size: addressOf(DYNAMIC_WORDS),
    }),
    ...elfSegment(PT_GNU_STACK | PF_READ | PF_WRITE, NOTHING), // without it, stacks are made executable
    ...[0n, 0n, 0n],
    ...symbol(NAMES.indexOf("call\0"), callAt, call.length),
    ...symbol(NAMES.indexOf("call_pointer\0"), callPointerAt, callPointer.length),
    ...hash,
    ...names,
    ...call,
    ...callPointer,
    ...[DT_HASH, addressOf(hashAt), DT_STRTAB, addressOf(namesAt), DT_SYMTAB, addressOf(symbolsAt)],
    ...[DT_STRSZ, BigInt(NAMES.length), DT_SYMENT, BigInt(SYMBOL_WORDS * WORD), DT_NULL, 0n],
  ];
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

const [DT_NULL, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT] = [0n, 4n, 5n, 6n, 10n, 11n];
const NOTHING = { offset: 0n, base: 0n, size: 0n };
const GLOBAL_FUNCTION = 0x12n << 32n;
/** Any section will do, there are none: only a symbol without one is not defined. */
const SECTION = 1n << 48n;

function symbol(name: number, at: number, size: number): bigint[] {
  return [BigInt(name) | GLOBAL_FUNCTION | SECTION, addressOf(at), addressOf(size)];
}

function codeOf(name: CallFunction, { errno, architecture }: { errno: bigint; architecture: Architecture }): bigint[] {
  return [...wordsOf(bytesOf(listCall(name, architecture))), errno];
}

/** The last word is filled up with zeros. */
function wordsOf(bytes: Uint8Array): bigint[] {
  const padded = new Uint8Array(Math.ceil(bytes.length / WORD) * WORD);
  padded.set(bytes);
  return [...new BigUint64Array(padded.buffer)];
}

function addressOf(words: number): bigint {
  return BigInt(words * WORD);
}
