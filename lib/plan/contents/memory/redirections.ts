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
 * `push ebx; mov ebx, [esp+8]; mov ecx, [esp+12]; mov edx, [esp+16]; mov eax, number; int 0x80; pop ebx; ret`: code of
 * 32 bits has its arguments on the stack, and ebx is its caller's.
 */
function compatSystemCall(number: number): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.fromHex("538b5c24088b4c240c8b542410b800000000cd805bc3");
  new DataView(code.buffer).setUint32(14, number, true);
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

/** The same for the vdso of 32 bits (asm/unistd_32.h). */
export const COMPAT_STUBS: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map(
  ([
    ["time", 13],
    ["gettimeofday", 78],
    ["clock_gettime", 265],
    ["clock_getres", 266],
    ["getcpu", 318],
    ["clock_gettime64", 403],
  ] as const).map(([name, number]) => [`__vdso_${name}`, compatSystemCall(number)] as const),
);
