import type { Problem } from "../errors.ts";
import type {
  ThreadInfoX86,
  UserDescT,
  UserX86FpregsEntry,
  UserX86RegsEntry,
  UserX86XsaveEntry,
} from "../gen/core_x86.ts";
import { bitsOf } from "./bits.ts";
import { Words } from "../wire/words.ts";
import type { FloatingRegisters, Registers, SegmentDescriptor } from "./task_state.ts";

/** `user_x86_regs_mode` of images/core-x86.proto. */
const COMPAT = 2;

const LEGACY_SIZE = 512;
const ST_SPACE = 32;
const ST_WORDS = 32;
const XMM_SPACE = 160;
const XMM_WORDS = 64;

/** Component 1; it and component 0 are in the legacy area. */
const SSE = 1;
/** Components of the supervisor (processor trace, PASID, CET of the kernel, HDC, …) that a thread does not own. */
const NOT_OURS: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 15, 16]);

/** The registers of a thread on x86-64. */
export function buildRegisters(info: ThreadInfoX86, where: string, problems: Problem[]): Registers {
  const isCompat = info.gpregs.mode === COMPAT;
  const segments = info.tls.filter(({ segNotPresent }) => !segNotPresent).map(buildSegment);
  const general = buildGeneral(info.gpregs);
  return {
    general: restartPoll(isCompat ? withBases(general, segments) : general, { isCompat }),
    isCompat,
    floating: buildFloating(info.fpregs, where, problems),
    segments,
    hasShadowStack: info.fpregs.xsave?.cet !== undefined && info.fpregs.xsave.cet.cet !== 0n,
  };
}

/** Flags in the order of `struct user_desc`. */
function buildSegment(entry: UserDescT): SegmentDescriptor {
  const { seg32bit, contentsL, contentsH, readExecOnly, limitInPages, segNotPresent, usable } = entry;
  const bits = [seg32bit, contentsL, contentsH, readExecOnly, limitInPages, segNotPresent, usable];
  const flags = bits.reduce((sum, bit, index) => sum | Number(bit) << index, 0);
  return { number: entry.entryNumber, base: entry.baseAddr, limit: entry.limit, flags };
}

/** The image lists them in the order of `struct user_regs_struct`. */
function buildGeneral(r: UserX86RegsEntry): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.of(
    ...[r.r15, r.r14, r.r13, r.r12, r.bp, r.bx, r.r11, r.r10, r.r9, r.r8, r.ax, r.cx, r.dx, r.si, r.di],
    ...[r.origAx, r.ip, r.cs, r.flags, r.sp, r.ss, r.fsBase, r.gsBase, r.ds, r.es, r.fs, r.gs],
  );
}

/** Indices in `struct user_regs_struct`, and what they have. */
const [AX, DX, ORIGINAL_AX, IP, FS_BASE, GS_BASE, FS, GS] = [10, 12, 15, 16, 21, 22, 25, 26];
const EINTR = 4n;
const SYSCALL_SIZE = 2n;

/**
 * Code of 32 bits knows no bases besides those in the descriptor table, so the image has none; the kernel takes those
 * that are set for the selectors' as they are (`x86_fsgsbase_load`, arch/x86/kernel/process_64.c).
 */
export function withBases(
  general: BigUint64Array<ArrayBuffer>,
  segments: readonly SegmentDescriptor[],
): BigUint64Array<ArrayBuffer> {
  for (const [selector, base] of [[FS, FS_BASE], [GS, GS_BASE]] as const) {
    const number = Number(general[selector] ?? 0n) >>> 3;
    general[base] = BigInt(segments.find((segment) => segment.number === number)?.base ?? 0);
  }
  return general;
}

/** The number of poll(2), and how many bits of a register its result has. */
const NATIVE_POLL = { number: 7n, bits: 64 };
const COMPAT_POLL = { number: 168n, bits: 32 };

/**
 * CRIU makes EINTR of a call of which the kernel remembers more than registers can say (ERESTART_RESTARTBLOCK). Of a
 * poll(2) without a timeout there is no more to know: it begins again, as it does when a task is only stopped, and as
 * programs count on that handle no signals.
 */
export function restartPoll(
  general: BigUint64Array<ArrayBuffer>,
  { isCompat }: { readonly isCompat: boolean },
): BigUint64Array<ArrayBuffer> {
  const { number, bits } = isCompat ? COMPAT_POLL : NATIVE_POLL;
  const [ax = 0n, dx = 0n, original = 0n, ip = 0n] = [AX, DX, ORIGINAL_AX, IP].map((index) => general[index]);
  const isForEver = BigInt.asIntN(32, dx) < 0n;
  if (BigInt.asIntN(bits, ax) !== -EINTR || BigInt.asIntN(32, original) !== number || !isForEver) return general;
  const restarted = general.slice();
  restarted[AX] = number;
  restarted[IP] = ip - SYSCALL_SIZE;
  return restarted;
}

function buildFloating(entry: UserX86FpregsEntry, where: string, problems: Problem[]): FloatingRegisters {
  const legacy = new Uint8Array(LEGACY_SIZE);
  const view = new DataView(legacy.buffer);
  view.setUint16(0, entry.cwd, true);
  view.setUint16(2, entry.swd, true);
  view.setUint16(4, entry.twd, true);
  view.setUint16(6, entry.fop, true);
  view.setBigUint64(8, entry.rip, true);
  view.setBigUint64(16, entry.rdp, true);
  view.setUint32(24, entry.mxcsr, true);
  view.setUint32(28, entry.mxcsrMask, true);
  const spaces = [[ST_SPACE, entry.stSpace, ST_WORDS], [XMM_SPACE, entry.xmmSpace, XMM_WORDS]] as const;
  for (const [at, words, limit] of spaces) {
    if (words.length > limit) {
      problems.push({ where, what: `there are ${words.length} words of registers for ${limit}` });
    } else new Uint32Array(legacy.buffer, at).set(words);
  }
  const components = entry.xsave === undefined ? new Map<number, never>() : buildComponents(entry.xsave);
  return { legacy, components, lost: entry.xsave === undefined ? [] : lostComponents(entry.xsave, components) };
}

/** Components that were in use and that images have no field for: of AMX, for one. */
function lostComponents({ xstateBv }: UserX86XsaveEntry, found: ReadonlyMap<number, unknown>): number[] {
  return bitsOf(xstateBv).filter((number) => number > SSE && !NOT_OURS.has(number) && !found.has(number));
}

/** Only those that XSTATE_BV says are in use: the others are in their initial state, whatever the image has of them. */
function buildComponents(xsave: UserX86XsaveEntry): Map<number, Uint8Array<ArrayBuffer>> {
  const lists: readonly (readonly [number, readonly number[] | Words])[] = [
    [2, xsave.ymmhSpace],
    [3, xsave.bndregState],
    [4, xsave.bndcsrState],
    [5, xsave.opmaskReg],
    [6, xsave.zmmUpper],
    [7, xsave.hi16Zmm],
    [9, xsave.pkru],
  ];
  const used = lists.filter(([number, list]) => list.length > 0 && (xsave.xstateBv >> BigInt(number) & 1n) === 1n);
  return new Map(used.map(([number, list]) => {
    return [number, list instanceof Words ? list.toBytes() : new Uint8Array(new Uint32Array(list).buffer)];
  }));
}
