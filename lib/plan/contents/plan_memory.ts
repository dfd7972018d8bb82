import type { Problem } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import {
  type AddressSpace,
  type Mapping,
  type MappingContent,
  PAGE_SIZE,
  type PageRun,
  type Segment,
} from "../../model/address_space.ts";
import { cut, hasRun } from "../../model/build_pages.ts";
import type { SegmentContent } from "../../model/namespaces.ts";
import type { FillStep, Handle, MemoryStep } from "./contents_plan.ts";
import { isAtLeast } from "./kernel_version.ts";
import { checkMemory } from "./memory/check_memory.ts";
import { type FreeAddresses, WINDOW } from "./memory/free_addresses.ts";
import { isWritable, mapApart } from "./memory/keep_apart.ts";
import { checkOwnLimits } from "./memory/plan_own_limits.ts";
import { planAttachments, type SystemSegments } from "./memory/plan_attachments.ts";
import { type MlockStep, type MlockTime, mlockTime, planMlock } from "./memory/plan_mlock.ts";
import type { VdsoPlan } from "./memory/plan_vdso.ts";
import { isRunOnly } from "./memory/protection_keys.ts";
import { clearInherited, type Inherited, inheritsVdso, kernelMappings, planInherited } from "./plan_inherited.ts";

const PROT_WRITE = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_DROPPABLE = 0x08;
const MAP_ANONYMOUS = 0x20;
const MAP_LOCKED = 0x2000;
const MAP_NORESERVE = 0x4000;
const MADV_NOHUGEPAGE = 15;
const MADV_GUARD_INSTALL = 102;

/** First kernel with MADV_POPULATE_WRITE. */
const POPULATE = [5, 14] as const;
/** Most ranges of one preadv(2) (UIO_MAXIOV, linux/uio.h). */
const MAX_RANGES = 1024;
/** Most bytes of one read: the kernel takes a little less than 2 GiB (MAX_RW_COUNT). */
export const MAX_BYTES = 2 ** 30;

/** What planning the memory of one task has to know. */
export interface MemoryContext {
  readonly pid: number;
  readonly host: Pick<Host, "kernel" | "memory" | "own" | "capabilities">;
  /** Handle of a mapped file, opened as the mapping needs it; `undefined` where there is none, which has been told. */
  readonly fileHandle: (file: number, openFlags: number) => Handle | undefined;
  readonly executable: Handle | undefined;
  /** What the task is born with; absent when that is nothing. */
  readonly inherited?: Inherited;
  readonly vdso: Pick<VdsoPlan, "mapping" | "patching">;
  /** Addresses that are ours. */
  readonly free: FreeAddresses;
  readonly segments: ReadonlyMap<number, Segment>;
  readonly systemSegments: SystemSegments;
  readonly segmentHandle: (segment: number) => Handle;
  /** The shared memory that a mapping shows; `undefined` where it shows something else. */
  readonly sharedBy: (content: MappingContent) => SharedMemory | undefined;
  /** Whether the processor of the dump had protection keys. */
  readonly hadKeys: boolean;
  /** Shared memory that the task holds by descriptors. */
  readonly held: readonly SharedMemory[];
  /** Segments whose content no task planned before has filled; what is filled here is taken out. */
  readonly emptySegments: Set<number>;
  /** Bytes of a file that is mapped, where they are known. */
  readonly fileSize: (file: number) => number | undefined;
  readonly problems: Problem[];
}

/** A segment, and a handle by which it can be mapped as a whole, for writing. */
export interface SharedMemory {
  readonly segment: number;
  readonly handle: Handle;
}

/**
 * The memory of a task, built up in an address space that has nothing in it but the agent and what it inherits.
 *
 * A mapping that may not be written is made writable only while pages are filled in: the kernel would count all of it
 * as memory to be had (VM_ACCOUNT), and merge or split it otherwise than it was.
 */
export function planMemory(space: AddressSpace, context: MemoryContext): MemoryStep[] {
  checkMemory(space, context);
  checkOwnLimits(space, context);
  const { inherited = { mappings: [] }, free, host, vdso } = context;
  const kept = new Set(inherited.mappings);
  const keptKernels = inheritsVdso(inherited, space) ? kernelMappings(space) : [];
  const own = space.mappings.filter((mapping) => isOurs(mapping) && !kept.has(mapping));
  const fills = own.filter(({ content }) => content.kind !== "ring")
    .flatMap(({ start, end }) => cut(space.pages, start, end));
  const filled = new Set(own.filter(({ start, end }) => hasRun(fills, start, end)));
  const isOpened = (mapping: Mapping) => filled.has(mapping) && needsOpening(mapping);
  const lock = (time: MlockTime) => planLocks(own, { ...context, space, time, hasPages: (one) => filled.has(one) });
  return [
    ...context.inherited === undefined ? [] : clearInherited([...kept, ...keptKernels], free),
    ...setLayout(space, context),
    ...keptKernels.length > 0 ? [] : vdso.mapping,
    ...mapApart(own, {
      space,
      map: (mapping) => mapOne(mapping, { context, isFilled: filled.has(mapping) }),
      isWritable: (mapping) => isWritable(mapping, filled.has(mapping)),
      canPopulate: isAtLeast(host.kernel, POPULATE),
    }),
    ...planAttachments(own, context),
    ...host.memory.hasTransparentPages ? own.flatMap(adviseEarly) : [],
    ...planFills(fills),
    ...planInherited(inherited, space),
    ...fillSegments(own, context),
    ...vdso.patching,
    ...lock("when-filled"),
    ...own.filter(isOpened).map(protect),
    ...context.hadKeys ? [] : [...own, ...kept].filter(isRunOnly).map(keepReadable),
    ...own.flatMap(advise),
    ...space.guards.map(({ start, end }): MemoryStep => (
      { kind: "advise", start, size: end - start, advice: MADV_GUARD_INSTALL }
    )),
    ...lock("at-last"),
  ];
}

function isOurs({ content }: Mapping): boolean {
  return content.kind !== "vdso" && content.kind !== "vvar" && content.kind !== "vsyscall";
}

function mapOne(
  mapping: Mapping,
  { context, isFilled }: { readonly context: MemoryContext; readonly isFilled: boolean },
): MemoryStep[] {
  const { start, end, content } = mapping;
  const protection = isFilled && needsOpening(mapping) ? mapping.protection | PROT_WRITE : mapping.protection;
  const flags = mlockTime(mapping, isFilled) === "when-mapped" ? mapping.flags : mapping.flags & ~MAP_LOCKED;
  const common = { kind: "map", start, size: end - start, protection } as const;
  switch (content.kind) {
    case "anonymous": {
      const sharing = (flags & MAP_DROPPABLE) === 0 ? MAP_PRIVATE : 0;
      return [{ ...common, flags: flags | sharing | MAP_ANONYMOUS, offset: 0 }];
    }
    case "ring":
      // Keeps the place, until the kernel has made the ring somewhere else.
      return [{ ...common, protection: 0, flags: MAP_PRIVATE | MAP_ANONYMOUS, offset: 0 }];
    case "segment":
      return [{
        ...common,
        flags: flags | MAP_SHARED,
        handle: context.segmentHandle(content.segment),
        offset: content.offset,
      }];
    case "file": {
      const handle = context.fileHandle(content.file, content.openFlags);
      const sharing = content.isShared ? MAP_SHARED : MAP_PRIVATE;
      return handle === undefined ? [] : [{ ...common, flags: flags | sharing, handle, offset: content.offset }];
    }
    default:
      return [];
  }
}

/** Whether filling needs a protection that the mapping is not to have. */
function needsOpening({ protection }: Mapping): boolean {
  return (protection & PROT_WRITE) === 0;
}

function protect({ start, end, protection }: Mapping): MemoryStep {
  return { kind: "protect", start, size: end - start, protection };
}

function keepReadable({ start, end }: Mapping): MemoryStep {
  return { kind: "keep-readable", start, size: end - start };
}

/** Without huge pages, from before the first page is there. */
function adviseEarly(mapping: Mapping): MemoryStep[] {
  return mapping.advice.includes(MADV_NOHUGEPAGE) ? [adviseOne(mapping, MADV_NOHUGEPAGE)] : [];
}

function advise(mapping: Mapping): MemoryStep[] {
  return mapping.advice.filter((advice) => advice !== MADV_NOHUGEPAGE).map((advice) => adviseOne(mapping, advice));
}

function adviseOne({ start, end }: Mapping, advice: number): MemoryStep {
  return { kind: "advise", start, size: end - start, advice };
}

/** What locking the mappings of a task has to know. */
interface LockQuestions extends MemoryContext {
  readonly space: AddressSpace;
  readonly time: MlockTime;
  readonly hasPages: (mapping: Mapping) => boolean;
}

/** Locks those whose time it is. */
function planLocks(mappings: readonly Mapping[], questions: LockQuestions): MlockStep[] {
  const { space, time, hasPages, fileSize } = questions;
  return mappings.filter((mapping) => mlockTime(mapping, hasPages(mapping)) === time).map((mapping) => {
    const { content } = mapping;
    const isPrivate = content.kind === "anonymous" || content.kind === "file" && !content.isShared;
    return planMlock(mapping, {
      space,
      shared: isPrivate ? undefined : sharedPages(content, questions),
      fileSize: content.kind === "file" ? fileSize(content.file) : undefined,
    });
  });
}

function sharedPages(
  content: MappingContent,
  { sharedBy, segments, systemSegments }: MemoryContext,
): readonly PageRun[] | undefined {
  if (content.kind === "sysv") return pagesOf(systemSegments.get(content.id)?.content);
  const segment = sharedBy(content)?.segment;
  return segment === undefined ? undefined : segments.get(segment)?.pages;
}

/** Old dumps do not tell which pages a segment had: then it had all of them. */
function pagesOf(content: SegmentContent | undefined): readonly PageRun[] | undefined {
  return content?.kind === "pages" ? content.pages : undefined;
}

/** Gathers runs that follow each other in one file into as few reads as possible; the files one after the other. */
export function planFills(runs: readonly PageRun[]): FillStep[] {
  const files = new Map<string, PageRun[]>();
  for (const run of runs) {
    const others = files.get(run.file);
    if (others === undefined) files.set(run.file, [run]);
    else others.push(run);
  }
  return [...files.values()].flatMap(planFileFills);
}

function planFileFills(runs: readonly PageRun[]): FillStep[] {
  const steps: FillStep[] = [];
  let open: { file: string; offset: number; ranges: number[]; size: number } | undefined;
  const close = () => {
    if (open !== undefined) steps.push({ kind: "fill", file: open.file, offset: open.offset, ranges: open.ranges });
    open = undefined;
  };
  for (const run of runs) {
    for (const { address, offset, size } of piecesOf(run)) {
      const fits = open !== undefined && open.offset + open.size === offset &&
        open.ranges.length < 2 * MAX_RANGES && open.size + size <= MAX_BYTES;
      if (!fits) close();
      open ??= { file: run.file, offset, ranges: [], size: 0 };
      open.ranges.push(address, size);
      open.size += size;
    }
  }
  close();
  return steps;
}

function* piecesOf({ address, offset, count }: PageRun): Generator<{ address: number; offset: number; size: number }> {
  const total = count * PAGE_SIZE;
  for (let done = 0; done < total; done += MAX_BYTES) {
    yield { address: address + done, offset: offset + done, size: Math.min(MAX_BYTES, total - done) };
  }
}

/** Fills the shared memory that no task before this one has. */
function fillSegments(mappings: readonly Mapping[], context: MemoryContext): MemoryStep[] {
  const mapped = mappings.flatMap(({ content }) => context.sharedBy(content) ?? []);
  return [...mapped, ...context.held].flatMap((shared) => fillShared(shared, context));
}

/** Fills shared memory, window by window, unless that has been planned already. */
export function fillShared(
  { segment, handle }: SharedMemory,
  { emptySegments, segments, free: { scratch } }: Pick<MemoryContext, "emptySegments" | "segments" | "free">,
): MemoryStep[] {
  const { size: bytes = 0, pages = [] } = segments.get(segment) ?? {};
  if (!emptySegments.delete(segment)) return [];
  const end = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
  return [...windowsOf(pages)].flatMap((offset): MemoryStep[] => {
    const size = Math.min(WINDOW, end - offset);
    const runs = cut(pages, offset, offset + size);
    const flags = MAP_SHARED | MAP_NORESERVE;
    return [
      { kind: "map", start: scratch, size, protection: PROT_READ_WRITE, flags, handle, offset },
      ...planFills(runs.map((run) => ({ ...run, address: run.address - offset + scratch }))),
      { kind: "unmap", start: scratch, size },
    ];
  });
}

/** Offsets of the windows that have pages in them. */
function windowsOf(pages: readonly PageRun[]): Set<number> {
  const windows = new Set<number>();
  for (const { address, count } of pages) {
    const end = address + count * PAGE_SIZE;
    for (let offset = address - address % WINDOW; offset < end; offset += WINDOW) windows.add(offset);
  }
  return windows;
}

/**
 * The kernel refuses to change the executable while the one before is mapped, also to the same one: so that comes when
 * nothing is left of what the task was born with, and nothing of its own is there.
 */
function setLayout({ layout, auxv }: AddressSpace, { executable, inherited }: MemoryContext): MemoryStep[] {
  const isKept = inherited !== undefined && inherited.mappings.length > 0;
  if (isKept) return [{ kind: "set-layout", layout, auxv }];
  return executable === undefined ? [] : [{ kind: "set-layout", layout, auxv, executable }];
}
