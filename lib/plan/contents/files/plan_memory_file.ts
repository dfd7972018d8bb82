import type { MemoryFile, MemoryInode } from "../../../model/files/memory_file.ts";
import type { FileContent } from "../../../model/files/path_file.ts";
import { PAGE_SIZE } from "../../../model/address_space.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import { isAtLeast } from "../kernel_version.ts";
import { planInheritedFile } from "./plan_inherited_file.ts";
import type { StepBase } from "../file_step.ts";
import { segmentStep } from "./plan_segment.ts";

/** memfd_create(2), without content. */
export interface MemfdStep extends StepBase {
  readonly kind: "make-memfd";
  readonly handle: Handle;
  readonly name: string;
  readonly size: number;
  /** MFD_* */
  readonly flags: number;
  /** Permissions. Absent: as memfd_create makes them. */
  readonly mode?: number;
  readonly uid: number;
  readonly gid: number;
}

/** Opens what another handle is opened on once more. */
export interface ReopenStep extends StepBase {
  readonly kind: "reopen";
  readonly handle: Handle;
  readonly from: Handle;
  readonly flags: number;
  /** Absent: its beginning, where it has any. */
  readonly position?: number | bigint;
}

/** Gives an open file its status flags and its position. */
export interface AdjustStep extends StepBase {
  readonly kind: "adjust";
  readonly handle: Handle;
  readonly flags: number;
  readonly position: number;
}

/** Writes content to an open file. */
export interface WriteStep extends StepBase {
  readonly kind: "write";
  readonly handle: Handle;
  readonly content: readonly FileContent[];
}

/** fcntl(2) with F_ADD_SEALS. */
export interface SealStep extends StepBase {
  readonly kind: "seal";
  readonly handle: Handle;
  readonly seals: number;
}

/** Names of the inodes that are anonymous shared memory, opened through /proc/PID/map_files; the other of huge pages. */
const ANONYMOUS: readonly string[] = ["/dev/zero", "/anon_hugepage"];

const MFD_ALLOW_SEALING = 0x2;
const MFD_NOEXEC_SEAL = 0x8;
const MFD_EXEC = 0x10;
/** First kernel that has these two. */
const CHOSEN_EXEC = [6, 3] as const;

const F_SEAL_WRITE = 0x8;
const F_SEAL_EXEC = 0x20;
const EXECUTABLE = 0o111;

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_RDWR = 2;
/** Only opening gives it to a file of memory. */
const O_ASYNC = 0o20000;

/** The handle of an open memfd. */
export function planMemoryFile(planner: FilePlanner, file: MemoryFile): Handle {
  const { id, flags, position, inode } = file;
  const inherited = planInheritedFile(planner, keysOf(inode));
  if (inherited !== undefined) {
    planner.know(fileKey(id), inherited.handle, inherited.expected);
    return inherited.handle;
  }
  const { handle: from, isFresh } = planInode(planner, inode);
  const expected = { link: linkOf(inode), object: inodeKey(inode), flags, position };
  const what = linkOf(inode);
  if (isFresh && (flags & (O_ACCMODE | O_ASYNC)) === O_RDWR) {
    // Only what memfd_create has opened can be run by execveat(2), so it is not opened again without need.
    planner.know(fileKey(id), from, expected);
    planner.late.push({ kind: "adjust", handle: from, what, flags, position });
    return from;
  }
  const handle = planner.fileHandle(id, expected);
  planner.late.push({ kind: "reopen", handle, from, what, flags, position });
  return handle;
}

/**
 * The handle of a memfd to map.
 *
 * What is sealed against writing has no mappings that could write. Where it is sealed after it has been mapped, the
 * kernel refuses that if a mapping could become writable: so it is mapped as if it had been opened for reading.
 */
export function planMemoryUse(planner: FilePlanner, { inode }: MemoryFile, openFlags: number): Handle {
  const inherited = planInheritedFile(planner, keysOf(inode));
  if (inherited !== undefined) return inherited.handle;
  const { handle: from } = planInode(planner, inode);
  const flags = isSealedLate(inode) ? O_RDONLY : openFlags & O_ACCMODE;
  if (flags === O_RDWR) return from;
  const { handle, isNew } = planner.handle(`use ${flags} ${inodeKey(inode)}`);
  if (isNew) planner.early.push({ kind: "reopen", handle, from, what: linkOf(inode), flags });
  return handle;
}

/** The handle by which the content of a memfd can be written, when it has been planned. */
export function writableInode(planner: FilePlanner, inode: MemoryInode): Handle | undefined {
  return planner.get(inodeKey(inode));
}

/** Fills the memfds that no task maps or has a descriptor of, being in flight only; nobody else would. */
export function fillLooseMemory(planner: FilePlanner, emptySegments: ReadonlySet<number>): void {
  for (const file of planner.contents.files.values()) {
    if (file.kind !== "memfd" || !emptySegments.has(file.inode.segment)) continue;
    const { inode } = file;
    const handle = writableInode(planner, inode);
    const content = contentOf(planner, inode);
    if (handle === undefined || content.length === 0) continue;
    const what = linkOf(inode);
    if (inode.hugeFlags !== 0) planner.refuse(what, "it is of huge pages, in flight, and held by no task");
    else planner.early.push({ kind: "write", handle, what, content });
  }
}

/** The inode, and whether no descriptor has its first opening yet. */
function planInode(planner: FilePlanner, inode: MemoryInode): { handle: Handle; isFresh: boolean } {
  const { handle, isNew } = planner.handle(inodeKey(inode));
  if (!isNew) return { handle, isFresh: !planner.expected.has(handle) };
  const { name, size, mode, uid, gid, seals } = inode;
  const what = linkOf(inode);
  if (isAnonymous(inode)) {
    planner.early.push(segmentStep(planner, inode.segment, { handle, what }));
    return { handle, isFresh: true };
  }
  const permissions = mode === undefined ? {} : { mode: mode & 0o7777 };
  const flags = flagsOf(planner, inode);
  planner.early.push({ kind: "make-memfd", handle, what, name, size, flags, ...permissions, uid, gid });
  if (isFilledFirst(inode)) {
    planner.early.push({ kind: "write", handle, what, content: contentOf(planner, inode) });
    planner.early.push({ kind: "seal", handle, what, seals });
  } else if (seals !== 0) planner.last.push({ kind: "seal", handle, what, seals });
  return { handle, isFresh: true };
}

/**
 * Whether a memfd gets its content and its seals before anybody maps it, because it is sealed against writing: there
 * may be mappings that began after that. Else the first task that holds it fills it, and seals come last of all.
 */
export function isFilledFirst({ seals, hugeFlags }: MemoryInode): boolean {
  return (seals & F_SEAL_WRITE) !== 0 && hugeFlags === 0;
}

/** Huge pages can only be filled through a mapping. */
function isSealedLate(inode: MemoryInode): boolean {
  return (inode.seals & F_SEAL_WRITE) !== 0 && !isFilledFirst(inode);
}

/** The pages of a memfd, by the files that they are in. The last one may reach behind its end. */
function contentOf({ contents }: FilePlanner, { segment, size }: MemoryInode): FileContent[] {
  const files = new Map<string, FileContent["parts"][number][]>();
  for (const { address: position, count, file, offset } of contents.segments.get(segment)?.pages ?? []) {
    const parts = files.get(file) ?? [];
    files.set(file, parts);
    parts.push({ position, offset, length: Math.min(count * PAGE_SIZE, size - position) });
  }
  return [...files].map(([path, parts]) => ({ path, parts }));
}

/** Without a word on whether it may be run, the sysctl vm.memfd_noexec would decide. */
function flagsOf({ host }: FilePlanner, { hugeFlags, seals, mode = EXECUTABLE }: MemoryInode): number {
  const flags = MFD_ALLOW_SEALING | hugeFlags;
  if (!isAtLeast(host.kernel, CHOSEN_EXEC)) return flags;
  return flags | ((seals & F_SEAL_EXEC) !== 0 && (mode & EXECUTABLE) === 0 ? MFD_NOEXEC_SEAL : MFD_EXEC);
}

/** What /proc says of a memfd that is mapped. */
export function memoryLink(planner: FilePlanner, { inode }: MemoryFile): string {
  return planInheritedFile(planner, keysOf(inode))?.expected.link ?? linkOf(inode);
}

/** What `--inherit-fd` may call it. */
function keysOf({ name }: MemoryInode): string[] {
  return [`/memfd:${name}`];
}

function inodeKey({ id }: MemoryInode): string {
  return `memory ${id}`;
}

/** Whether nobody has named it: it is what mmap(2) makes. */
export function isAnonymous({ name }: Pick<MemoryInode, "name">): boolean {
  return ANONYMOUS.includes(name);
}

function linkOf({ name }: MemoryInode): string {
  return isAnonymous({ name }) ? `${name} (deleted)` : `/memfd:${name} (deleted)`;
}
