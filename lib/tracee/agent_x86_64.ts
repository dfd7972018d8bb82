import { ELF_MACHINES } from "../sys/elf.ts";
import type { Architecture } from "./architecture.ts";
import { SYSCALLS_X86_64 } from "./syscalls_x86_64.ts";

/**
 * The agent for x86-64, instruction by instruction. r15 is the slot, r14 its count, rbx the index, r13 the entry; no
 * stack is used. A number with the bit `COMPAT_CALL` is one of a call of 32 bits, which takes its arguments in other
 * registers. `agent_x86_64_test.ts` assembles the right column and compares.
 */
export const AGENT_LISTING: readonly (readonly [bytes: string, assembly: string])[] = [
  ["cc", "park: int3"],
  ["4d8b37", "again: mov r14, [r15]"],
  ["4d85f6", "test r14, r14"],
  ["786b", "js hold"],
  ["498b5f18", "mov rbx, [r15+24]"],
  ["4989dd", "mov r13, rbx"],
  ["49c1e506", "shl r13, 6"],
  ["4d036f20", "add r13, [r15+32]"],
  ["4c39f3", "next: cmp rbx, r14"],
  ["7d4b", "jge fin"],
  ["498b4500", "mov rax, [r13]"],
  ["498b7d08", "mov rdi, [r13+8]"],
  ["498b7510", "mov rsi, [r13+16]"],
  ["498b5518", "mov rdx, [r13+24]"],
  ["4d8b5520", "mov r10, [r13+32]"],
  ["4d8b4528", "mov r8, [r13+40]"],
  ["4d8b4d30", "mov r9, [r13+48]"],
  ["85c0", "test eax, eax"],
  ["7840", "js compat"],
  ["0f05", "syscall"],
  ["4885c0", "back: test rax, rax"],
  ["750a", "jnz record"],
  ["41817d00b3010000", "cmp dword ptr [r13], 435"],
  ["7420", "je child"],
  ["49894538", "record: mov [r13+56], rax"],
  ["4983c540", "add r13, 64"],
  ["48ffc3", "inc rbx"],
  ["483d01f0ffff", "cmp rax, -4095"],
  ["72b7", "jb next"],
  ["41f6470801", "test byte ptr [r15+8], 1"],
  ["75b0", "jnz next"],
  ["49895f10", "fin: mov [r15+16], rbx"],
  ["eb92", "jmp park"],
  ["4d8b7d18", "child: mov r15, [r13+24]"],
  ["eb8d", "jmp again"],
  ["b822000000", "hold: mov eax, 34"],
  ["0f05", "syscall"],
  ["ebf7", "jmp hold"],
  ["0fbaf01f", "compat: btr eax, 31"],
  ["4989dc", "mov r12, rbx"],
  ["89fb", "mov ebx, edi"],
  ["89f1", "mov ecx, esi"],
  ["4489d6", "mov esi, r10d"],
  ["4489c7", "mov edi, r8d"],
  ["4489cd", "mov ebp, r9d"],
  ["cd80", "int 0x80"],
  ["4898", "cdqe"],
  ["4c89e3", "mov rbx, r12"],
  ["eba5", "jmp back"],
  ["660f1f440000", ".balign 16"],
  ["0f05", "gadget: syscall"],
  ["cc", "int3"],
  ["cd80", "compat_gadget: int 0x80"],
  ["cc", "int3"],
];

/**
 * What the coordinator runs before it is seized: it asks to die with its parent, leaves when that is already gone,
 * and waits. So a cgrestore that is killed between spawn and seize leaves nothing.
 */
export const STUB_LISTING: readonly (readonly [bytes: string, assembly: string])[] = [
  ["b89d000000", "mov eax, 157"],
  ["bf01000000", "mov edi, 1"],
  ["be09000000", "mov esi, 9"],
  ["0f05", "syscall"],
  ["b86e000000", "mov eax, 110"],
  ["0f05", "syscall"],
  ["3d44332211", "cmp eax, 0x11223344"],
  ["7509", "jne gone"],
  ["b822000000", "wait: mov eax, 34"],
  ["0f05", "syscall"],
  ["ebf7", "jmp wait"],
  ["b8e7000000", "gone: mov eax, 231"],
  ["31ff", "xor edi, edi"],
  ["0f05", "syscall"],
];

/** Where in the stub the parent's pid belongs. */
const STUB_PARENT = 25;

/**
 * What a sibling of ours runs before it is seized: it waits for the end of a pipe that we hold open, so for ours.
 */
export const SIBLING_STUB_LISTING: readonly (readonly [bytes: string, assembly: string])[] = [
  ["bf44332211", "wait: mov edi, 0x11223344"],
  ["488d7424f0", "lea rsi, [rsp - 16]"],
  ["ba01000000", "mov edx, 1"],
  ["31c0", "xor eax, eax"],
  ["0f05", "syscall"],
  ["4883f8fc", "cmp rax, -4"],
  ["74e7", "je wait"],
  ["b8e7000000", "mov eax, 231"],
  ["31ff", "xor edi, edi"],
  ["0f05", "syscall"],
];

/** Where in it the descriptor of the pipe belongs. */
const SIBLING_STUB_DESCRIPTOR = 1;

export const X86_64: Architecture = {
  machine: "x86_64",
  elfMachine: ELF_MACHINES.x86_64,
  agent: assemble(AGENT_LISTING),
  park: 0,
  gadget: 0xa0,
  compatGadget: 0xa3,
  stub: (parent) => assembleWith(STUB_LISTING, STUB_PARENT, parent),
  siblingStub: (pipe) => assembleWith(SIBLING_STUB_LISTING, SIBLING_STUB_DESCRIPTOR, pipe),
  registerCount: 27,
  register: {
    slot: 0,
    entry: 5,
    result: 10,
    number: 10,
    originalNumber: 15,
    instruction: 16,
    stack: 19,
    arguments: [14, 13, 12, 7, 9, 8],
    compatArguments: [5, 11, 12, 13, 14, 4],
  },
  syscall: SYSCALLS_X86_64,
};

/** Assembles, with a 32-bit number put in its place. */
function assembleWith(
  listing: readonly (readonly [string, string])[],
  offset: number,
  number: number,
): Uint8Array<ArrayBuffer> {
  const code = assemble(listing);
  new DataView(code.buffer).setUint32(offset, number, true);
  return code;
}

function assemble(listing: readonly (readonly [string, string])[]): Uint8Array<ArrayBuffer> {
  const text = listing.map(([bytes]) => bytes).join("");
  const code = new Uint8Array(new ArrayBuffer(text.length / 2));
  for (let i = 0; i < code.length; i++) code[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return code;
}
