import type { Problem } from "../../errors.ts";
import {
  type AddressSpace,
  type Mapping,
  type MappingContent,
  PAGE_SIZE,
  type PageRun,
  type Range,
  type Segment,
} from "../../model/address_space.ts";
import { cut } from "../../model/build_pages.ts";
import type { FillStep, Handle, MemoryStep } from "./contents_plan.ts";
import { clearInherited, type Inherited, inheritsVdso, kernelMappings, planInherited } from "./plan_inherited.ts";

const PROT_WRITE = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MADV_GUARD_INSTALL = 102;

/** Most ranges of one preadv(2) (UIO_MAXIOV, linux/uio.h). */
const MAX_RANGES = 1024;
/** Most bytes of one read: the kernel takes a little less than 2 GiB (MAX_RW_COUNT). */
const MAX_BYTES = 2 ** 30;

/** What planning the memory of one task has to know. */
export interface MemoryContext {
  readonly pid: number;
  /** Handle of a mapped file, opened as the mapping needs it; `undefined` where there is none, which has been told. */
  readonly fileHandle: (file: number, openFlags: number) => Handle | undefined;
  readonly executable: Handle | undefined;
  /** What the task is born with; absent when that is nothing. */
  readonly inherited?: Inherited;
  /** Addresses that are ours. */
  readonly free: Range;
  readonly segments: ReadonlyMap<number, Segment>;
  readonly segmentHandle: (segment: number) => Handle;
  /** The shared memory that a mapping shows; `undefined` where it shows something else. */
  readonly sharedBy: (content: MappingContent) => SharedMemory | undefined;
  /** Shared memory that the task holds by descriptors. */
  readonly held: readonly SharedMemory[];
  /** Segments whose content no task planned before has filled; what is filled here is taken out. */
  readonly emptySegments: Set<number>;
  /** Where a segment can be mapped for a while. */
  readonly scratch: number;
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
  checkMappings(space, context);
  const { inherited = { mappings: [] }, free } = context;
  const kept = new Set(inherited.mappings);
  const keptKernels = inheritsVdso(inherited, space) ? kernelMappings(space) : [];
  const own = space.mappings.filter((mapping) => isOurs(mapping) && !kept.has(mapping));
  const fills = own.flatMap(({ start, end }) => cut(space.pages, start, end));
  const filled = new Set(own.filter(({ start, end }) => cut(fills, start, end).length > 0));
  return [
    ...context.inherited === undefined ? [] : clearInherited([...kept, ...keptKernels], free),
    ...keptKernels.length > 0 ? [] : mapVdso(space),
    ...own.flatMap((mapping) => mapOne(mapping, { context, isFilled: filled.has(mapping) })),
    ...planFills(fills),
    ...planInherited(inherited, space),
    ...fillSegments(own, context),
    ...own.filter((mapping) => filled.has(mapping) && needsOpening(mapping)).map(protect),
    ...own.flatMap(advise),
    ...space.guards.map(({ start, end }): MemoryStep => (
      { kind: "advise", start, size: end - start, advice: MADV_GUARD_INSTALL }
    )),
    ...setLayout(space, context),
  ];
}

function isOurs({ content }: Mapping): boolean {
  return content.kind !== "vdso" && content.kind !== "vvar" && content.kind !== "vsyscall";
}

function checkMappings(space: AddressSpace, { pid, problems }: MemoryContext): void {
  for (const { start, end, content } of space.mappings) {
    const where = `task ${pid}, memory ${start.toString(16)}-${end.toString(16)}`;
    if (content.kind === "unknown") problems.push({ where, what: `${content.what} cannot be restored` });
    if (content.kind === "sysv") problems.push({ where, what: "System V shared memory cannot be restored" });
  }
  for (const { address, count } of space.pages) {
    const end = address + count * PAGE_SIZE;
    const covered = space.mappings.reduce(
      (sum, mapping) => sum + Math.max(0, Math.min(end, mapping.end) - Math.max(address, mapping.start)),
      0,
    );
    if (covered === end - address) continue;
    problems.push({ where: `task ${pid}, pages at ${address.toString(16)}`, what: "there is no mapping for them" });
  }
}

/** One call makes all of it: the pages of data, which come first, and the code behind them. */
function mapVdso({ mappings }: AddressSpace): MemoryStep[] {
  const first = mappings.find(({ content }) => content.kind === "vdso" || content.kind === "vvar");
  return first === undefined ? [] : [{ kind: "map-vdso", start: first.start }];
}

function mapOne(
  mapping: Mapping,
  { context, isFilled }: { readonly context: MemoryContext; readonly isFilled: boolean },
): MemoryStep[] {
  const { start, end, content, flags } = mapping;
  const protection = isFilled && needsOpening(mapping) ? mapping.protection | PROT_WRITE : mapping.protection;
  const common = { kind: "map", start, size: end - start, protection } as const;
  switch (content.kind) {
    case "anonymous":
      return [{ ...common, flags: flags | MAP_PRIVATE | MAP_ANONYMOUS, offset: 0 }];
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

function advise({ start, end, advice }: Mapping): MemoryStep[] {
  return advice.map((number) => ({ kind: "advise", start, size: end - start, advice: number }));
}

/** Gathers runs that follow each other in one file into as few reads as possible. */
export function planFills(runs: readonly PageRun[]): FillStep[] {
  const steps: FillStep[] = [];
  let open: { file: string; offset: number; ranges: number[]; size: number } | undefined;
  const close = () => {
    if (open !== undefined) steps.push({ kind: "fill", file: open.file, offset: open.offset, ranges: open.ranges });
    open = undefined;
  };
  for (const run of runs) {
    for (const { address, offset, size } of piecesOf(run)) {
      const fits = open !== undefined && open.file === run.file && open.offset + open.size === offset &&
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

/** Fills shared memory through a mapping of all of it, unless that has been planned already. */
export function fillShared(
  { segment, handle }: SharedMemory,
  { emptySegments, segments, scratch: start }: Pick<MemoryContext, "emptySegments" | "segments" | "scratch">,
): MemoryStep[] {
  const { size: bytes = 0, pages = [] } = segments.get(segment) ?? {};
  if (!emptySegments.delete(segment) || pages.length === 0) return [];
  const size = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
  return [
    { kind: "map", start, size, protection: PROT_READ_WRITE, flags: MAP_SHARED, handle, offset: 0 },
    ...planFills(pages.map((run) => ({ ...run, address: run.address + start }))),
    { kind: "unmap", start, size },
  ];
}

/** The kernel refuses to change the executable while it is mapped, also to the same one. */
function setLayout({ layout, auxv }: AddressSpace, { executable, inherited }: MemoryContext): MemoryStep[] {
  const isKept = inherited !== undefined && inherited.mappings.length > 0;
  if (isKept) return [{ kind: "set-layout", layout, auxv }];
  return executable === undefined ? [] : [{ kind: "set-layout", layout, auxv, executable }];
}
