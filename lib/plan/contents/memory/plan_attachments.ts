import { type Mapping, PAGE_SIZE } from "../../../model/address_space.ts";
import type { IpcSegment } from "../../../model/namespaces.ts";
import type { MemoryStep } from "../contents_plan.ts";
import { type FreeAddresses, WINDOW } from "./free_addresses.ts";

const PROT_READ = 1;
const PROT_READ_WRITE = 3;

/** `SHM_HUGETLB` of linux/shm.h, and the exponent of the page's size beside it. */
const SHM_HUGETLB = 0o4000;
const HUGE_SHIFT = 26;
const HUGE_MASK = 0x3f;
/** That of the size of a huge page when none is said. */
const DEFAULT_EXPONENT = 21;

/** A part of a segment that a task has attached. */
interface Part extends Omit<Mapping, "content"> {
  readonly content: Extract<Mapping["content"], { kind: "sysv" }>;
}

/** System V segments by their ids. */
export type SystemSegments = ReadonlyMap<number, IpcSegment>;

/** What planning attachments has to know. */
export interface AttachmentContext {
  readonly systemSegments: SystemSegments;
  readonly free: Pick<FreeAddresses, "scratch">;
}

/**
 * Attaches System V shared memory. That is done with all of a segment at once, but a task may have left some parts of
 * it only, with other memory between them: so it is attached elsewhere, and the parts are moved.
 */
export function planAttachments(
  mappings: readonly Mapping[],
  { systemSegments, free }: AttachmentContext,
): MemoryStep[] {
  return attachmentsOf(mappings).flatMap((parts): MemoryStep[] => {
    const [first] = parts;
    const segment = systemSegments.get(first.content.id);
    // That has been told.
    if (segment === undefined) return [];
    const size = attachedSize(segment);
    const { id, isReadOnly } = first.content;
    const attach = (start: number): MemoryStep => ({ kind: "attach", id, start, isReadOnly });
    if (mustStay(parts, size)) return [attach(first.start), ...parts.flatMap(protect)];
    return [attach(free.scratch), ...moveParts(parts, size, free.scratch)];
  });
}

/** The parts of each attachment, by ascending address. */
function attachmentsOf(mappings: readonly Mapping[]): [Part, ...Part[]][] {
  const attachments = Map.groupBy(mappings.filter(isAttached), ({ start, content: { id, offset, isReadOnly } }) => (
    `${id} ${start - offset} ${isReadOnly}`
  ));
  return [...attachments.values()].flatMap(([first, ...others]) => first === undefined ? [] : [[first, ...others]]);
}

function isAttached(mapping: Mapping): mapping is Part {
  return mapping.content.kind === "sysv";
}

/** Whether a segment is attached where it belongs: because all of it is one part, or it is too large for another place. */
function mustStay(parts: readonly Part[], size: number): boolean {
  return isWhole(parts, size) && (parts.length === 1 || size > WINDOW);
}

/** Whether the parts are the whole segment. */
function isWhole(parts: readonly Part[], size: number): boolean {
  return parts.reduce((sum, { start, end }) => sum + end - start, 0) === size;
}

function moveParts(parts: readonly Part[], size: number, from: number): MemoryStep[] {
  const steps: MemoryStep[] = [];
  let end = 0;
  for (const part of parts) {
    const { start, content: { offset } } = part;
    if (offset > end) steps.push({ kind: "unmap", start: from + end, size: offset - end });
    end = offset + part.end - start;
    steps.push({ kind: "move", start: from + offset, size: part.end - start, to: start }, ...protect(part));
  }
  if (size > end) steps.push({ kind: "unmap", start: from + end, size: size - end });
  return steps;
}

/** Where that differs from how a segment is attached. */
function protect({ start, end, protection, content: { isReadOnly } }: Part): MemoryStep[] {
  if (protection === (isReadOnly ? PROT_READ : PROT_READ_WRITE)) return [];
  return [{ kind: "protect", start, size: end - start, protection }];
}

/** Tells which attachments of a task cannot be made. */
export function attachmentProblems(
  mappings: readonly Mapping[],
  systemSegments: SystemSegments,
): { readonly mapping: Mapping; readonly what: string }[] {
  return attachmentsOf(mappings).flatMap((parts) => {
    const [first] = parts;
    const { id } = first.content;
    const segment = systemSegments.get(id);
    if (segment === undefined) {
      return [{ mapping: first, what: `it is the System V shared memory ${id}, which is not in the checkpoint` }];
    }
    const size = attachedSize(segment);
    const beyond = parts.find(({ start, end, content: { offset } }) => offset + end - start > size);
    if (beyond !== undefined) {
      return [{ mapping: beyond, what: `it is a part of the System V shared memory ${id}, which is smaller` }];
    }
    if (size <= WINDOW || isWhole(parts, size)) return [];
    return [{ mapping: first, what: `it is a part of the System V shared memory ${id}, which is larger than 1 GiB` }];
  });
}

/** Bytes of whole pages. */
function attachedSize({ size, hugeFlags }: IpcSegment): number {
  const exponent = hugeFlags >>> HUGE_SHIFT & HUGE_MASK;
  const page = (hugeFlags & SHM_HUGETLB) === 0 ? PAGE_SIZE : 2 ** (exponent === 0 ? DEFAULT_EXPONENT : exponent);
  return Math.ceil(size / page) * page;
}
