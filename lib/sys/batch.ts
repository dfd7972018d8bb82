/**
 * Reading thousands of small files: machine code in threads of its own reads them ahead, while those before are looked at.
 * The kernel takes as long to tell of a task as we take to understand it, and our way to C and back as long as a read.
 */

import { encodeTextInto } from "../text.ts";
import type { Listing } from "./machine_code.ts";
import { bytes } from "./memory.ts";

/** A record of each file: its name as a C string, how long what was read is or minus the errno, and what was read. */
const RECORD_SIZE = 8192;
const RESULT = 56;
const DATA = 64;
const DATA_SIZE = RECORD_SIZE - DATA;
/** How many a thread reads, and how many threads have begun at most: the first is waited for. */
const RECORDS = 64;
const THREADS = 3;

/**
 * `int start_reading(int directory, int call, char (*records)[8192], int count, int *running)`: starts a thread, which
 * does readlinkat(2), or openat(2) and then read(2) until nothing more comes, for each record: at once, the kernel gives no
 * more than a page of lists such as `/proc/PID/maps` (fs/seq_file.c). When it has ended, `*running` is 0. Returns minus the
 * errno where there can be no thread.
 *
 * The thread has neither a stack nor signals, so nothing but these instructions runs in it.
 */
export const START_LISTING: Listing = [
  ["53", "push rbx"],
  ["55", "push rbp"],
  ["4154", "push r12"],
  ["4883ec10", "sub rsp, 16"],
  ["4d89c4", "mov r12, r8"],
  ["4189f8", "mov r8d, edi"],
  ["4189f1", "mov r9d, esi"],
  ["4889d3", "mov rbx, rdx"],
  ["4863e9", "movsxd rbp, ecx"],
  ["48c1e50d", "shl rbp, 13"],
  ["4801d5", "add rbp, rdx"],
  ["48c70424ffffffff", "mov qword ptr [rsp], -1"],
  ["bf02000000", "mov edi, 2"], // SIG_SETMASK
  ["4889e6", "mov rsi, rsp"],
  ["488d542408", "lea rdx, [rsp + 8]"],
  ["41ba08000000", "mov r10d, 8"],
  ["b80e000000", "mov eax, 14"], // rt_sigprocmask
  ["0f05", "syscall"],
  // CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_SYSVSEM and CLONE_CHILD_CLEARTID
  ["bf000f2500", "mov edi, 0x250f00"],
  ["31f6", "xor esi, esi"],
  ["31d2", "xor edx, edx"],
  ["4d89e2", "mov r10, r12"],
  ["b838000000", "mov eax, 56"], // clone
  ["0f05", "syscall"],
  ["85c0", "test eax, eax"],
  ["7428", "je next"],
  ["4189c4", "mov r12d, eax"],
  ["488d742408", "lea rsi, [rsp + 8]"],
  ["bf02000000", "mov edi, 2"],
  ["31d2", "xor edx, edx"],
  ["41ba08000000", "mov r10d, 8"],
  ["b80e000000", "mov eax, 14"],
  ["0f05", "syscall"],
  ["4489e0", "mov eax, r12d"],
  ["4883c410", "add rsp, 16"],
  ["415c", "pop r12"],
  ["5d", "pop rbp"],
  ["5b", "pop rbx"],
  ["c3", "ret"],
  ["4839eb", "next: cmp rbx, rbp"],
  ["736d", "jae done"],
  ["4489c7", "mov edi, r8d"],
  ["4889de", "mov rsi, rbx"],
  ["4489c8", "mov eax, r9d"],
  ["3d01010000", "cmp eax, 257"],
  ["740e", "je open"],
  ["488d5340", "lea rdx, [rbx + 64]"],
  ["41bac01f0000", "mov r10d, 8128"],
  ["0f05", "syscall"],
  ["eb42", "jmp store"],
  ["ba00080800", "open: mov edx, 0x80800"], // O_CLOEXEC and O_NONBLOCK: opening a FIFO does not wait for a writer
  ["0f05", "syscall"],
  ["85c0", "test eax, eax"],
  ["7837", "js store"],
  ["89c7", "mov edi, eax"],
  ["4531e4", "xor r12d, r12d"],
  ["4a8d742340", "more: lea rsi, [rbx + r12 + 64]"],
  ["bac01f0000", "mov edx, 8128"],
  ["4429e2", "sub edx, r12d"],
  ["31c0", "xor eax, eax"], // read
  ["0f05", "syscall"],
  ["85c0", "test eax, eax"],
  ["4c0f48e0", "cmovs r12, rax"],
  ["7e0c", "jle ended"],
  ["4101c4", "add r12d, eax"],
  ["4181fcc01f0000", "cmp r12d, 8128"],
  ["72db", "jb more"],
  ["4d89e2", "ended: mov r10, r12"],
  ["b803000000", "mov eax, 3"], // close
  ["0f05", "syscall"],
  ["4c89d0", "mov rax, r10"],
  ["48894338", "store: mov [rbx + 56], rax"],
  ["4881c300200000", "add rbx, 8192"],
  ["eb8e", "jmp next"],
  ["31ff", "done: xor edi, edi"],
  ["b83c000000", "mov eax, 60"], // exit
  ["0f05", "syscall"],
];

export const START_DECLARATION = {
  parameters: [
    "i32", /* directory */
    "i32", /* call */
    "buffer", /* records */
    "i32", /* count */
    "buffer", /* int *running */
  ],
  result: "i32",
} as const satisfies Deno.ForeignFunction;

/** `void await_reading(int *running)`: waits until `*running` is 0, by futex(2). */
export const AWAIT_LISTING: Listing = [
  ["8b17", "again: mov edx, [rdi]"],
  ["85d2", "test edx, edx"],
  ["740e", "je done"],
  ["31f6", "xor esi, esi"], // FUTEX_WAIT
  ["4531d2", "xor r10d, r10d"],
  ["b8ca000000", "mov eax, 202"],
  ["0f05", "syscall"],
  ["ebec", "jmp again"],
  ["c3", "done: ret"],
];

export const AWAIT_DECLARATION = {
  parameters: ["buffer" /* int *running */],
  result: "void",
} as const satisfies Deno.ForeignFunction;

/** `__NR_openat` and `__NR_readlinkat` of asm/unistd_64.h. */
export const [OPENAT, READLINKAT] = [257, 267] as const;

/** The functions that the listings are. */
export interface BatchFunctions {
  start(
    directory: number,
    call: number,
    records: Uint8Array<ArrayBuffer>,
    count: number,
    running: Int32Array<ArrayBuffer>,
  ): number;
  await(running: Int32Array<ArrayBuffer>): void;
}

/** What the call shall read in an open directory. */
export interface Reading {
  readonly directory: number;
  readonly call: number;
  readonly names: readonly string[];
}

/** What one thread reads. */
interface Batch {
  readonly records: Uint8Array<ArrayBuffer>;
  readonly results: Int32Array<ArrayBuffer>;
  /** One word, which is 0 when the thread has ended. */
  readonly running: Int32Array<ArrayBuffer>;
  count: number;
}

/** Reads batches of files. Its memory lives as long as itself, whatever becomes of who reads. */
export class BatchReader {
  readonly #functions: BatchFunctions;
  readonly #free: Batch[] = [];
  readonly #started = new Set<Batch>();

  constructor(functions: BatchFunctions) {
    this.#functions = functions;
  }

  /**
   * What is read, file by file, each good until the next; `undefined` where the call fails, or there may be more. Who does
   * not go to the end has to return it.
   */
  *read({ names, ...where }: Reading): Generator<Uint8Array | undefined, void> {
    const queue: Batch[] = [];
    let begun = 0;
    try {
      for (;;) {
        for (; queue.length < THREADS && begun < names.length; begun += RECORDS) {
          queue.push(this.#start({ ...where, names: names.slice(begun, begun + RECORDS) }));
        }
        const [batch] = queue;
        if (batch === undefined) return;
        this.#functions.await(batch.running);
        for (let index = 0; index < batch.count; index++) yield contentOf(batch, index);
        this.#end(batch);
        queue.shift();
      }
    } finally {
      for (const batch of queue) this.#end(batch);
    }
  }

  #start({ directory, call, names }: Reading): Batch {
    const batch = this.#free.pop() ?? makeBatch();
    const { records, results, running } = batch;
    names.forEach((name, index) => {
      writeName(records, index * RECORD_SIZE, name);
      results[(index * RECORD_SIZE + RESULT) / 4] = 0;
    });
    batch.count = names.length;
    this.#started.add(batch);
    running[0] = 1;
    if (this.#functions.start(directory, call, records, names.length, running) < 0) running[0] = 0;
    return batch;
  }

  #end(batch: Batch): void {
    this.#functions.await(batch.running);
    this.#started.delete(batch);
    this.#free.push(batch);
  }
}

function makeBatch(): Batch {
  const records = bytes(RECORDS * RECORD_SIZE);
  const running = new Int32Array(new ArrayBuffer(4));
  return { records, results: new Int32Array(records.buffer), running, count: 0 };
}

function contentOf({ records, results }: Batch, index: number): Uint8Array | undefined {
  const at = index * RECORD_SIZE;
  const length = results[(at + RESULT) / 4] ?? 0;
  return length > 0 && length < DATA_SIZE ? records.subarray(at + DATA, at + DATA + length) : undefined;
}

/** Instead of one that is too long, the directory itself is not to be read. */
function writeName(records: Uint8Array, at: number, name: string): void {
  const place = records.subarray(at, at + RESULT - 1);
  const length = encodeTextInto(name, place) ?? encodeTextInto(".", place) ?? 0;
  records[at + length] = 0;
}
