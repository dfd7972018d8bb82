import { orUndefined } from "../errors.ts";
import type { Sys } from "../sys/sys.ts";
import { describeVdso } from "./describe_vdso.ts";
import type { HostCompat } from "./host.ts";

const SIGKILL = 9;
const TIMEOUT_MS = 10_000;
const PTRACE_O_EXITKILL = 0x10_0000;
/** Of headers, in words of 4 bytes (elf(5)): of the file, and of each of two segments. */
const [FILE_WORDS, SEGMENT_WORDS] = [13, 8];
const HEADERS_SIZE = 4 * (FILE_WORDS + 2 * SEGMENT_WORDS);
const BASE = 0x10_0000;
const PAGE = 4096;

/** What a program of 32 bits does until it is stopped: it sleeps for ten seconds at most, as we may be ended before. */
export const SLEEPER_LISTING: readonly (readonly [bytes: string, assembly: string])[] = [
  ["6a00", "push 0"],
  ["6a0a", "push 10"],
  ["89e3", "mov ebx, esp"],
  ["31c9", "xor ecx, ecx"],
  ["b8a2000000", "mov eax, 162"],
  ["cd80", "int 0x80"],
  ["b801000000", "mov eax, 1"],
  ["31db", "xor ebx, ebx"],
  ["cd80", "int 0x80"],
];

/** What this kernel maps into tasks that run programs of 32 bits, seen in one; `undefined` where it runs none. */
export function describeCompat(sys: Sys): HostCompat | undefined {
  const program = sys.memfdCreate("cgrestore-sleeper");
  try {
    sys.write(program, makeSleeper());
    // Without CONFIG_IA32_EMULATION, or with ia32_emulation=0, the kernel knows no such programs.
    const pid = orUndefined(["ENOEXEC"], () => sys.spawn(program));
    return pid === undefined ? undefined : describeSleeper(sys, pid);
  } finally {
    sys.close(program);
  }
}

/** Ends it as well. */
function describeSleeper(sys: Sys, pid: number): HostCompat {
  try {
    // It has been let go before the kernel has mapped everything (`exec_mmap`, fs/exec.c): a stop comes behind that.
    sys.ptraceSeize(pid, PTRACE_O_EXITKILL);
    sys.ptraceInterrupt(pid);
    sys.wait(pid, TIMEOUT_MS);
    const vdso = describeVdso(sys, `/proc/${pid}`);
    return vdso === undefined ? {} : { vdso };
  } finally {
    endSleeper(sys, pid);
  }
}

function endSleeper(sys: Sys, pid: number): void {
  try {
    sys.kill(pid, SIGKILL);
  } catch (error) {
    // Whatever forbids that, it is stopped, and the kernel can end it.
    sys.ptraceKill(pid);
    throw error;
  } finally {
    sys.wait(pid, TIMEOUT_MS);
  }
}

function makeSleeper(): Uint8Array<ArrayBuffer> {
  const instructions = Uint8Array.fromHex(SLEEPER_LISTING.map(([bytes]) => bytes).join(""));
  const size = HEADERS_SIZE + instructions.length;
  const file = new Uint8Array(new ArrayBuffer(size));
  // ET_EXEC for EM_386, in version 1; PT_LOAD, to be read and run; PT_GNU_STACK, which is not to be run.
  const header = [0x464c457f, 0x010101, 0, 0, 2 | 3 << 16, 1, BASE + HEADERS_SIZE, 4 * FILE_WORDS, 0, 0];
  const sizes = [4 * FILE_WORDS | 4 * SEGMENT_WORDS << 16, 2, 0];
  const code = [1, 0, BASE, BASE, size, size, 5, PAGE];
  const stack = [0x6474e551, 0, 0, 0, 0, 0, 6, 16];
  file.set(new Uint8Array(Uint32Array.of(...header, ...sizes, ...code, ...stack).buffer));
  file.set(instructions, HEADERS_SIZE);
  return file;
}
