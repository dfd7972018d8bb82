/** Many small files of one directory, read with few calls: going from JavaScript to C and back takes as long as a read. */

import { decodeText, encodeTextInto } from "../text.ts";
import type { Listing } from "./machine_code.ts";
import { bytes } from "./memory.ts";

/** A record of each file: its name as a C string, what the last system call gave back, and what was read. */
const RECORD_SIZE = 2048;
const RESULT = 32;
const DATA = 40;
const DATA_SIZE = RECORD_SIZE - DATA;
/** How many are read at a time. */
const RECORDS = 64;

/**
 * `void read_batch(int directory, int call, char (*records)[2048], int count)`: readlinkat(2), or openat(2) and then one
 * read(2), for each.
 */
export const BATCH_LISTING: Listing = [
  ["53", "push rbx"],
  ["55", "push rbp"],
  ["4189f8", "mov r8d, edi"],
  ["4189f1", "mov r9d, esi"],
  ["4889d3", "mov rbx, rdx"],
  ["4863e9", "movsxd rbp, ecx"],
  ["48c1e50b", "shl rbp, 11"],
  ["4801d5", "add rbp, rdx"],
  ["4839eb", "next: cmp rbx, rbp"],
  ["7352", "jae done"],
  ["4489c7", "mov edi, r8d"],
  ["4889de", "mov rsi, rbx"],
  ["4489c8", "mov eax, r9d"],
  ["3d01010000", "cmp eax, 257"],
  ["740e", "je open"],
  ["488d5328", "lea rdx, [rbx + 40]"],
  ["41bad8070000", "mov r10d, 2008"],
  ["0f05", "syscall"],
  ["eb27", "jmp store"],
  ["ba00000800", "open: mov edx, 0x80000"], // O_CLOEXEC
  ["0f05", "syscall"],
  ["85c0", "test eax, eax"],
  ["781c", "js store"],
  ["89c7", "mov edi, eax"],
  ["488d7328", "lea rsi, [rbx + 40]"],
  ["bad8070000", "mov edx, 2008"],
  ["31c0", "xor eax, eax"], // read
  ["0f05", "syscall"],
  ["48894320", "mov [rbx + 32], rax"],
  ["b803000000", "mov eax, 3"], // close
  ["0f05", "syscall"],
  ["eb04", "jmp behind"],
  ["48894320", "store: mov [rbx + 32], rax"],
  ["4881c300080000", "behind: add rbx, 2048"],
  ["eba9", "jmp next"],
  ["5d", "done: pop rbp"],
  ["5b", "pop rbx"],
  ["c3", "ret"],
];

export const BATCH_DECLARATION = {
  parameters: ["i32", /* directory */ "i32", /* call */ "buffer", /* records */ "i32" /* count */],
  result: "void",
} as const satisfies Deno.ForeignFunction;

/** `__NR_openat` and `__NR_readlinkat` of asm/unistd_64.h. */
export const [OPENAT, READLINKAT] = [257, 267] as const;

/** The function that `BATCH_LISTING` is. */
type ReadBatch = (directory: number, call: number, records: Uint8Array<ArrayBuffer>, count: number) => void;

/** Reads batches of files with one function. */
export class BatchReader {
  readonly #read: ReadBatch;
  readonly #records = bytes(RECORDS * RECORD_SIZE);
  readonly #results = new Int32Array(this.#records.buffer);

  constructor(read: ReadBatch) {
    this.#read = read;
  }

  /**
   * What the call reads in the open directory `directory`, by names; `undefined` where it fails, or there may be more.
   * Files of /proc that the kernel makes in one go are read in one go.
   */
  read(directory: number, call: number, names: readonly string[]): (string | undefined)[] {
    const found: (string | undefined)[] = [];
    for (let start = 0; start < names.length; start += RECORDS) {
      this.#readSome(directory, call, names.slice(start, start + RECORDS), found);
    }
    return found;
  }

  #readSome(directory: number, call: number, names: readonly string[], found: (string | undefined)[]): void {
    const records = this.#records;
    names.forEach((name, index) => writeName(records, index * RECORD_SIZE, name));
    this.#read(directory, call, records, names.length);
    names.forEach((_, index) => {
      const at = index * RECORD_SIZE;
      const length = this.#results[(at + RESULT) / 4] ?? 0;
      const isWhole = length > 0 && length < DATA_SIZE;
      found.push(isWhole ? decodeText(records.subarray(at + DATA, at + DATA + length)) : undefined);
    });
  }
}

/** One that is too long is found nowhere. */
function writeName(records: Uint8Array, at: number, name: string): void {
  const length = encodeTextInto(name, records.subarray(at, at + RESULT - 1)) ?? 0;
  records[at + length] = 0;
}
