/** Memory that C functions and the kernel use beside JavaScript. */
import * as k from "./constants.ts";
import { failure } from "./failure.ts";
import type { Libc } from "./libc.ts";

const PAGE = 4096;

/** Memory through `ArrayBuffer`, which V8 never moves. */
export function bytes(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

/** As `bytes`, in words of 64 bits. */
export function words(count: number): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(new ArrayBuffer(count * 8));
}

/** The same memory, for C; a TypeError when JavaScript threads share it. */
export function unshared(memory: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isUnshared(memory)) return memory;
  throw new TypeError("Cannot use memory that JavaScript threads share");
}

function isUnshared(memory: Uint8Array): memory is Uint8Array<ArrayBuffer> {
  return memory.buffer instanceof ArrayBuffer;
}

/** The caller keeps `memory` alive for as long as the address is used. */
export function addressOf(memory: ArrayBufferView<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
}

/** What is at an address, which must not be 0. */
export function pointerTo<T = unknown>(address: bigint): Deno.PointerObject<T> {
  const pointer = Deno.UnsafePointer.create<T>(address);
  if (pointer === null) throw new Error("Cannot use memory at address 0");
  return pointer;
}

/** Memory that JavaScript does not own: whoever unmaps it sees to it that the buffer is not used any more. */
export function memoryAt(address: bigint, size: number): ArrayBuffer {
  return Deno.UnsafePointerView.getArrayBuffer(pointerTo(address), size);
}

/** Maps fresh memory, to be unmapped by the caller, and returns its address. */
export function mapMemory(c: Libc["symbols"], size: number): bigint {
  const address = c.mmap(0n, BigInt(size), k.PROT_READ | k.PROT_WRITE, k.MAP_PRIVATE | k.MAP_ANONYMOUS, -1, 0n);
  if (address < 0n) throw failure("mmap", address, `Cannot map ${size} bytes of memory`);
  return address;
}

/** Maps a page with machine code of our own, which stays, and returns its address. */
export function mapCode(c: Libc["symbols"], code: Uint8Array): bigint {
  const page = mapMemory(c, PAGE);
  new Uint8Array(memoryAt(page, PAGE)).set(code);
  const result = c.mprotect(page, BigInt(PAGE), k.PROT_READ | k.PROT_EXEC);
  if (result !== 0) throw failure("mprotect", result, "Cannot run instructions of our own");
  return page;
}

/** Puts `ms` as seconds and nanoseconds, `struct timespec`, at word `at`. */
export function setTime(memory: BigUint64Array<ArrayBuffer>, at: number, ms: number): void {
  const nanoseconds = BigInt(Math.ceil(ms * 1e6));
  memory[at] = nanoseconds / 1_000_000_000n;
  memory[at + 1] = nanoseconds % 1_000_000_000n;
}
