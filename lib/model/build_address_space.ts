import type { Problem } from "../errors.ts";
import type { MmEntry, VmaEntry } from "../gen/mm.ts";
import type { Pagemap } from "../image/content_images.ts";
import {
  type AddressSpace,
  type Layout,
  type Mapping,
  type MappingContent,
  PAGE_SIZE,
  type Range,
} from "./address_space.ts";
import { bitsOf } from "./bits.ts";
import { buildPages } from "./build_pages.ts";

/** `status` of an area: VMA_AREA_* and its relatives (criu/include/image.h). */
const AREA = {
  VSYSCALL: 1 << 2,
  VDSO: 1 << 3,
  FILE_PRIVATE: 1 << 6,
  FILE_SHARED: 1 << 7,
  ANON_SHARED: 1 << 8,
  ANON_PRIVATE: 1 << 9,
  SYSVIPC: 1 << 10,
  SOCKET: 1 << 11,
  VVAR: 1 << 12,
  AIORING: 1 << 13,
  SHADOW_STACK: 1 << 15,
  GUARD: 1 << 16,
  UPROBES: 1 << 17,
} as const;

/** Kinds of area that cannot be restored, as they are told. */
const UNKNOWN: readonly (readonly [number, string])[] = [
  [AREA.SHADOW_STACK, "a shadow stack"],
];

const MAP_SHARED = 0x01;
const MAP_DROPPABLE = 0x08;
const MAP_GROWSDOWN = 0x0100;
const MAP_LOCKED = 0x2000;
const MAP_NORESERVE = 0x4000;
const MAP_HUGETLB = 0x4_0000;
const MAP_HUGE_SIZE = 0x3f << 26;
const KEPT_FLAGS = MAP_DROPPABLE | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_HUGETLB | MAP_HUGE_SIZE;

const O_RDONLY = 0;
const O_RDWR = 2;

/** What the building of an address space has to know. */
export interface SpaceContext {
  readonly pid: number;
  readonly pagemap: Pagemap | undefined;
  readonly problems: Problem[];
}

/** The memory of a task. */
export function buildAddressSpace(entry: MmEntry, context: SpaceContext): AddressSpace {
  const where = `mm-${context.pid}.img`;
  const mappings: Mapping[] = [];
  const guards: Range[] = [];
  for (const vma of entry.vmas) {
    const what = rangeProblem(vma);
    if (what !== undefined) context.problems.push({ where: `${where}, ${describeRange(vma)}`, what });
    // Both are made by the kernel itself when they are needed.
    if ((vma.status & (AREA.GUARD | AREA.UPROBES)) === 0) mappings.push(buildMapping(vma));
    else if ((vma.status & AREA.GUARD) !== 0) guards.push({ start: vma.start, end: vma.end });
  }
  mappings.sort((a, b) => a.start - b.start);
  checkOverlaps(mappings, where, context.problems);
  return {
    mappings,
    guards: guards.sort((a, b) => a.start - b.start),
    pages: context.pagemap === undefined ? [] : buildPages(context.pagemap, context.problems),
    layout: buildLayout(entry),
    executable: entry.exeFileId,
    auxv: entry.mmSavedAuxv.toBytes(),
    ...entry.dumpable === undefined ? {} : { dumpable: entry.dumpable },
    hugePagesDisabled: entry.thpDisabled ?? false,
    rings: entry.aios.map(({ id, nrReq, ringLen }) => ({ address: id, requests: nrReq, size: ringLen })),
  };
}

function rangeProblem({ start, end }: Range): string | undefined {
  if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0) return "its ends are not those of pages";
  return start < end ? undefined : "it ends before it begins";
}

/** A range of addresses as /proc/PID/maps writes it. */
export function describeRange({ start, end }: Range): string {
  return `${start.toString(16)}-${end.toString(16)}`;
}

function checkOverlaps(mappings: readonly Mapping[], where: string, problems: Problem[]): void {
  mappings.forEach((mapping, index) => {
    const next = mappings[index + 1];
    if (next === undefined || mapping.end <= next.start) return;
    problems.push({ where: `${where}, ${describeRange(mapping)}`, what: `it overlaps ${describeRange(next)}` });
  });
}

function buildMapping(vma: VmaEntry): Mapping {
  return {
    start: vma.start,
    end: vma.end,
    protection: vma.prot,
    content: buildContent(vma),
    flags: vma.flags & KEPT_FLAGS,
    advice: bitsOf(vma.madv ?? 0n),
  };
}

function buildContent(vma: VmaEntry): MappingContent {
  const { status, shmid, pgoff: offset } = vma;
  const unknown = UNKNOWN.find(([bit]) => (status & bit) !== 0);
  if (unknown !== undefined) return { kind: "unknown", what: unknown[1] };
  if ((status & AREA.VSYSCALL) !== 0) return { kind: "vsyscall" };
  if ((status & AREA.VDSO) !== 0) return { kind: "vdso" };
  if ((status & AREA.VVAR) !== 0) return { kind: "vvar" };
  if ((status & AREA.AIORING) !== 0) return { kind: "ring" };
  if ((status & AREA.SYSVIPC) !== 0) {
    // As for all shared memory, the mode in which its file was open: here that of shmat(2).
    return { kind: "sysv", id: shmid, offset, isReadOnly: vma.fdflags === O_RDONLY };
  }
  if ((status & AREA.SOCKET) !== 0) {
    return { kind: "file", file: shmid, offset, isShared: (vma.flags & MAP_SHARED) !== 0, openFlags: O_RDWR };
  }
  if ((status & (AREA.FILE_PRIVATE | AREA.FILE_SHARED)) !== 0) {
    const isShared = (vma.flags & MAP_SHARED) !== 0;
    return { kind: "file", file: shmid, offset, isShared, openFlags: vma.fdflags ?? guessOpenFlags(vma, isShared) };
  }
  if ((status & AREA.ANON_SHARED) !== 0) return { kind: "segment", segment: shmid, offset };
  if ((status & AREA.ANON_PRIVATE) !== 0) return { kind: "anonymous" };
  return { kind: "unknown", what: `an area of status 0x${status.toString(16)}` };
}

/** Old dumps do not have them. */
function guessOpenFlags({ prot }: VmaEntry, isShared: boolean): number {
  const PROT_WRITE = 2;
  return isShared && (prot & PROT_WRITE) !== 0 ? O_RDWR : O_RDONLY;
}

function buildLayout(entry: MmEntry): Layout {
  return {
    startCode: entry.mmStartCode,
    endCode: entry.mmEndCode,
    startData: entry.mmStartData,
    endData: entry.mmEndData,
    startBrk: entry.mmStartBrk,
    brk: entry.mmBrk,
    startStack: entry.mmStartStack,
    argStart: entry.mmArgStart,
    argEnd: entry.mmArgEnd,
    envStart: entry.mmEnvStart,
    envEnd: entry.mmEnvEnd,
  };
}
