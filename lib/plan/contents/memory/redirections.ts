/** Machine code that takes the place of functions of a vdso, and arrives where their callers want to. */

/** `movabs rax, target; jmp rax`: rax is nobody's when a function begins. */
export function jumpTo(target: number): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.of(0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0);
  new DataView(code.buffer).setBigUint64(2, BigInt(target), true);
  return code;
}

/** `jmp target`, at `address`: all of 32 bits is within its reach, and no register is changed. */
export function compatJump(address: number, target: number): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.of(0xe9, 0, 0, 0, 0);
  new DataView(code.buffer).setInt32(1, target - (address + code.length) | 0, true);
  return code;
}

/** `mov eax, number; syscall; ret` */
function systemCall(number: number): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.of(0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3);
  new DataView(code.buffer).setUint32(1, number, true);
  return code;
}

/**
 * System calls that do what a function of the vdso does, by the function's names. `__vdso_getrandom` is not among them:
 * it does more, and makes the system call itself when it finds no data.
 */
export const STUBS: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map(
  ([["gettimeofday", 96], ["time", 201], ["clock_gettime", 228], ["clock_getres", 229], ["getcpu", 309]] as const)
    .flatMap(([name, number]) => [[name, systemCall(number)], [`__vdso_${name}`, systemCall(number)]] as const),
);
