/** Machine code of our own, for what no function of the C library does. */

/** Instructions: bytes in hexadecimal, and the assembly that they are made of, which `machine_code_test.ts` assembles. */
export type Listing = readonly (readonly [bytes: string, assembly: string])[];

export function bytesOf(listing: Listing): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(listing.map(([bytes]) => bytes).join(""));
}

/** `void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])`: eax, ebx, ecx, edx. */
export const CPUID_LISTING: Listing = [
  ["53", "push rbx"],
  ["89f8", "mov eax, edi"],
  ["89f1", "mov ecx, esi"],
  ["4989d0", "mov r8, rdx"],
  ["0fa2", "cpuid"],
  ["418900", "mov [r8], eax"],
  ["41895804", "mov [r8 + 4], ebx"],
  ["41894808", "mov [r8 + 8], ecx"],
  ["4189500c", "mov [r8 + 12], edx"],
  ["5b", "pop rbx"],
  ["c3", "ret"],
];

export const CPUID_DECLARATION = {
  parameters: ["u32", /* leaf */ "u32", /* sub-leaf */ "buffer" /* uint32_t[4] */],
  result: "void",
} as const satisfies Deno.ForeignFunction;

/**
 * Machine code of a signal handler that stores its argument in the 32-bit word at `word` if that is 0.
 *
 * It touches no stack, no errno and no JavaScript, so it may run on any thread, at any moment.
 */
export function buildHandler(word: bigint): Uint8Array {
  const address = new Uint8Array(BigUint64Array.of(word).buffer);
  switch (Deno.build.arch) {
    case "x86_64":
      // movabs rcx, word; xor eax, eax; lock cmpxchg [rcx], edi; ret
      return Uint8Array.of(0x48, 0xb9, ...address, 0x31, 0xc0, 0xf0, 0x0f, 0xb1, 0x39, 0xc3);
    case "aarch64": {
      // ldr x1, +24; ldr w2, [x1]; cbnz w2, +8; str w0, [x1]; ret; nop; word
      const code = Uint32Array.of(0x580000c1, 0xb9400022, 0x35000042, 0xb9000020, 0xd65f03c0, 0xd503201f);
      return Uint8Array.of(...new Uint8Array(code.buffer), ...address);
    }
    default:
      throw new Error(`Cannot handle signals: no handler for the architecture "${Deno.build.arch}"`);
  }
}
