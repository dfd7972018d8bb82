import type { Problem } from "../../../errors.ts";
import type { HostMemory, HostVdso } from "../../../host/host.ts";
import type { AddressSpace, Mapping, Range } from "../../../model/address_space.ts";
import { parseVdso, type VdsoFunction } from "../../../model/parse_vdso.ts";
import type { MemoryStep } from "../contents_plan.ts";
import type { ExpectedMapping } from "../expected_mapping.ts";
import { vdsoKey } from "./memory_questions.ts";
import { COMPAT_STUBS, compatJump, jumpTo, STUBS } from "./redirections.ts";

/** How a task gets the code that the kernel maps into every task (vdso(7)), and its data. */
export interface VdsoPlan {
  /** What is mapped and filled as other memory is. */
  readonly space: AddressSpace;
  /** Done in the beginning. */
  readonly mapping: readonly MemoryStep[];
  /** Done when pages are filled, and can still be written to. */
  readonly patching: readonly MemoryStep[];
  /** What there is in the end besides the mappings of `space`. */
  readonly expected: readonly ExpectedMapping[];
}

/** This kernel's vdso, whose parts of data follow each other: looked into once, for all tasks. */
export class KernelVdso {
  readonly parts: HostVdso["parts"];
  readonly code: { readonly offset: number; readonly size: number };
  readonly data: { readonly offset: number; readonly size: number };
  /** Unless they cannot be found. */
  readonly functions: readonly VdsoFunction[] | undefined;
  readonly #bytes: Uint8Array;
  /** What its code was compared with, which is the same array for nearly all tasks. */
  readonly #compared = new Map<Uint8Array, boolean>();

  constructor({ parts, code }: HostVdso) {
    const data = parts.filter(({ kind }) => kind === "vvar");
    const size = data.reduce((sum, part) => sum + part.size, 0);
    this.parts = parts;
    this.code = parts.find(({ kind }) => kind === "vdso") ?? { offset: 0, size: 0 };
    this.data = { offset: data[0]?.offset ?? 0, size };
    this.functions = parseVdso(code);
    this.#bytes = code;
  }

  /** Whether these are the pages of its code. */
  is(dumped: Uint8Array): boolean {
    const known = this.#compared.get(dumped);
    if (known !== undefined) return known;
    const isSame = dumped.length === this.#bytes.length && dumped.every((byte, at) => byte === this.#bytes[at]);
    this.#compared.set(dumped, isSame);
    return isSame;
  }

  /** Whether every function of the dumped vdso is at the same offset in this one. */
  hasFunctionsOf(dumped: Uint8Array): boolean {
    const functions = parseVdso(dumped);
    if (functions === undefined || this.functions === undefined || dumped.length !== this.#bytes.length) return false;
    const offsets = new Map(this.functions.map(({ name, offset }) => [name, offset]));
    return functions.every(({ name, offset }) => offsets.get(name) === offset);
  }
}

/** What planning the vdso of a task has to know. */
export interface VdsoQuestions {
  readonly pid: number;
  /** Whether it runs a program of 32 bits. */
  readonly isCompat: boolean;
  /** Where its threads run. */
  readonly instructions: readonly number[];
  /** The kernel's, for such a program or for one of 64 bits; none where it maps none. */
  readonly own: KernelVdso | undefined;
  /** Pages of the images, which have that of the task under `vdsoKey`. */
  readonly pages: HostMemory["pages"];
  /** Addresses, free in this task, for a vdso that does not get the place of the dumped one; none: there are none. */
  readonly aside: number | undefined;
  readonly problems: Problem[];
}

const NO_ROOM = "no addresses are free for this kernel's";
const PROT_READ_EXEC = 5;
const PROT_ALL = 7;

/**
 * Plans the vdso of a task. The kernel's own takes the place of the dumped one where their functions begin at the same
 * offsets. Else it is mapped aside, and the dumped one stays as ordinary memory, whose functions jump to the kernel's.
 */
export function planVdso(space: AddressSpace, questions: VdsoQuestions): VdsoPlan {
  const dumped = findDumped(space);
  if (dumped === undefined) return withoutVdso(space);
  const { own, pages, problems, pid, isCompat, aside } = questions;
  const refuse = (what: string) => {
    problems.push({ where: `task ${pid}, vdso`, what });
    return withoutVdso(space);
  };
  if (own === undefined) return refuse("this kernel does not map one");
  if (dumped.code === undefined) return apart(space, { dumped, own, aside, isCompat, refuse });
  const bytes = pages.get(vdsoKey(pid));
  if (bytes?.length !== dumped.code.end - dumped.code.start) return refuse("the images do not have its pages");
  const isSame = own.is(bytes);
  const isInside = questions.instructions.some((address) => isIn(dumped.code, address));
  const canReplace = isSame || !isInside && own.hasFunctionsOf(bytes);
  if (canReplace && hasSameShape(dumped, own)) {
    const start = dumped.code.start - own.code.offset;
    return { ...withoutVdso(space), mapping: [{ kind: "map-vdso", start, isCompat }] };
  }
  if (isSame && hasSameSizes(dumped, own)) return apart(space, { dumped, own, aside, isCompat, refuse });
  const functions = parseVdso(bytes);
  if (functions === undefined) return refuse("its functions cannot be found in its pages");
  return redirect(space, { ...questions, dumped: { ...dumped, code: dumped.code }, own, functions, refuse });
}

/** A task gets none, and what is in the place of the dumped one stays out. */
export function withoutVdso(space: AddressSpace): VdsoPlan {
  return { space, mapping: [], patching: [], expected: [] };
}

/** What the task had: either may be missing. */
interface DumpedVdso {
  readonly code: Mapping | undefined;
  readonly data: Mapping | undefined;
}

function findDumped({ mappings }: AddressSpace): DumpedVdso | undefined {
  const code = mappings.find(({ content }) => content.kind === "vdso");
  const data = mappings.find(({ content }) => content.kind === "vvar");
  return code === undefined && data === undefined ? undefined : { code, data };
}

function isIn(range: Range | undefined, address: number): boolean {
  return range !== undefined && address >= range.start && address < range.end;
}

/** Whether code and data are as large, and as far from each other, as the kernel maps them. */
function hasSameShape({ code, data }: DumpedVdso, own: KernelVdso): boolean {
  if (code === undefined || data === undefined) return false;
  return hasSameSizes({ code, data }, own) && code.start - data.start === own.code.offset - own.data.offset;
}

function hasSameSizes({ code, data }: DumpedVdso, own: KernelVdso): boolean {
  return (code === undefined || code.end - code.start === own.code.size) &&
    (data === undefined || data.end - data.start === own.data.size);
}

/** For a task that has moved or unmapped a part. */
function apart(
  space: AddressSpace,
  { dumped: { code, data }, own, aside, isCompat, refuse }: Pick<VdsoQuestions, "aside" | "isCompat"> & {
    readonly dumped: DumpedVdso;
    readonly own: KernelVdso;
    readonly refuse: (what: string) => VdsoPlan;
  },
): VdsoPlan {
  if (aside === undefined) return refuse(NO_ROOM);
  const moves = own.parts.map((part): MemoryStep => {
    const [target, base] = part.kind === "vdso" ? [code, own.code.offset] : [data, own.data.offset];
    const from = { start: aside + part.offset, size: part.size };
    if (target === undefined) return { kind: "unmap", ...from };
    return { kind: "move", ...from, to: target.start + part.offset - base };
  });
  return { ...withoutVdso(space), mapping: [{ kind: "map-vdso", start: aside, isCompat }, ...moves] };
}

interface Redirection extends VdsoQuestions {
  readonly dumped: DumpedVdso & { readonly code: Mapping };
  readonly own: KernelVdso;
  readonly functions: readonly VdsoFunction[];
  readonly refuse: (what: string) => VdsoPlan;
}

function redirect(space: AddressSpace, redirection: Redirection): VdsoPlan {
  const { dumped, own, aside, instructions, isCompat, refuse } = redirection;
  if (aside === undefined) return refuse(NO_ROOM);
  const patches = planPatches(redirection, aside);
  for (const { name, offset, size, code } of patches) {
    if (size < code.length) return refuse(`its function ${name} has no room for a jump to this kernel's`);
    const start = dumped.code.start + offset;
    // A thread that is about to enter a function will jump.
    if (instructions.some((address) => address > start && address < start + code.length)) {
      return refuse(
        `a thread was at the beginning of its function ${name}, where there will be a jump to this kernel's`,
      );
    }
  }
  return {
    space: { ...space, mappings: space.mappings.map(asMemory) },
    mapping: [{ kind: "map-vdso", start: aside, isCompat }],
    patching: [
      ...patches.map(({ offset, code }): MemoryStep => (
        { kind: "write", start: dumped.code.start + offset, bytes: code }
      )),
      ...putMark(redirection, aside),
    ],
    expected: own.parts.map(({ kind, offset, size }) => {
      const start = aside + offset;
      const common = { start, end: start + size, offset: 0 };
      const [access, name] = kind === "vdso" ? ["r-xp", "[vdso]"] : ["r--p", ""];
      return { ...common, access, name };
    }),
  };
}

/** The code is in the image. The data are not: zeros are to the code a clock that only the kernel can read. */
function asMemory(mapping: Mapping): Mapping {
  const { kind } = mapping.content;
  return kind === "vdso" || kind === "vvar" ? { ...mapping, content: { kind: "anonymous" } } : mapping;
}

interface Patch extends VdsoFunction {
  readonly code: Uint8Array<ArrayBuffer>;
}

/** Jumps to the kernel's functions, and system calls in place of those that the kernel does not have. */
function planPatches({ functions, dumped, own, isCompat }: Redirection, aside: number): Patch[] {
  const targets = new Map((own.functions ?? []).map(({ name, offset }) => [name, aside + own.code.offset + offset]));
  const patches = new Map<number, Patch>();
  for (const one of functions) {
    const target = targets.get(one.name);
    const code = isCompat ? compatPatch(one, { target, base: dumped.code.start }) : nativePatch(one, target);
    // Functions have several names.
    if (code !== undefined && !patches.has(one.offset)) patches.set(one.offset, { ...one, code });
  }
  return [...patches.values()];
}

function nativePatch({ name }: VdsoFunction, target: number | undefined): Patch["code"] | undefined {
  return target === undefined ? STUBS.get(name) : jumpTo(target);
}

function compatPatch(
  { name, offset }: VdsoFunction,
  { target, base }: { readonly target: number | undefined; readonly base: number },
): Patch["code"] | undefined {
  return target === undefined ? COMPAT_STUBS.get(name) : compatJump(base + offset, target);
}

/** `VDSO_MARK_SIGNATURE_V3` and its version (criu/include/parasite-vdso.h). */
const MARK_SIGNATURE = 0x4f53_4476_5549_5243n;
const MARK_VERSION = 3n;
const NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

/**
 * Makes the kernel's vdso known as one that only the dumped one calls: CRIU leaves it out when it dumps the task again,
 * and takes the other for the vdso. The mark takes the place of the ELF header, which nobody needs.
 */
function putMark({ dumped, own }: Redirection, aside: number): MemoryStep[] {
  const start = aside + own.code.offset;
  const addresses = [dumped.code.start, dumped.data?.start, aside + own.data.offset]
    .map((address) => address === undefined ? NO_ADDRESS : BigInt(address));
  const [code = NO_ADDRESS, data = NO_ADDRESS, ownData = NO_ADDRESS] = addresses;
  const mark = BigUint64Array.of(MARK_SIGNATURE, code, MARK_VERSION, data, ownData);
  const range = { start, size: own.code.size };
  return [
    { kind: "protect", ...range, protection: PROT_ALL },
    { kind: "write", start, bytes: new Uint8Array(mark.buffer) },
    { kind: "protect", ...range, protection: PROT_READ_EXEC },
  ];
}
