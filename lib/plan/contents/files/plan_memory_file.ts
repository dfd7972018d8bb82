import type { MemoryFile, MemoryInode } from "../../../model/files/memory_file.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { segmentStep } from "./plan_segment.ts";

/** memfd_create(2), without content. */
export interface MemfdStep extends StepBase {
  readonly kind: "make-memfd";
  readonly handle: Handle;
  readonly name: string;
  readonly size: number;
  /** MFD_HUGETLB and its size; 0 for none. */
  readonly hugeFlags: number;
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
  readonly position: number;
}

/** Gives an open file its status flags and its position. */
export interface AdjustStep extends StepBase {
  readonly kind: "adjust";
  readonly handle: Handle;
  readonly flags: number;
  readonly position: number;
}

/** fcntl(2) with F_ADD_SEALS: when everything is mapped and filled. */
export interface SealStep extends StepBase {
  readonly kind: "seal";
  readonly handle: Handle;
  readonly seals: number;
}

/** Names of the inodes that are anonymous shared memory, opened through /proc/PID/map_files; the other of huge pages. */
const ANONYMOUS: readonly string[] = ["/dev/zero", "/anon_hugepage"];

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_RDWR = 2;
/** Only opening gives it to a file of memory. */
const O_ASYNC = 0o20000;
const F_SEAL_WRITE = 8;

/** The handle of an open memfd. */
export function planMemoryFile(planner: FilePlanner, file: MemoryFile): Handle {
  const { id, flags, position, inode } = file;
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
 * What is sealed against writing has no mappings that could write. It is sealed after it has been mapped, and that the
 * kernel refuses where a mapping of it could become writable: so it is mapped as if it had been opened for reading.
 */
export function planMemoryUse(planner: FilePlanner, { inode }: MemoryFile, openFlags: number): Handle {
  const { handle: from } = planInode(planner, inode);
  const flags = (inode.seals & F_SEAL_WRITE) === 0 ? openFlags & O_ACCMODE : O_RDONLY;
  if (flags === O_RDWR) return from;
  const { handle, isNew } = planner.handle(`use ${flags} ${inodeKey(inode)}`);
  if (isNew) planner.early.push({ kind: "reopen", handle, from, what: linkOf(inode), flags, position: 0 });
  return handle;
}

/** The handle by which the content of a memfd can be written, when it has been planned. */
export function writableInode(planner: FilePlanner, inode: MemoryInode): Handle | undefined {
  return planner.get(inodeKey(inode));
}

/** The inode, and whether no descriptor has its first opening yet. */
function planInode(planner: FilePlanner, inode: MemoryInode): { handle: Handle; isFresh: boolean } {
  const { handle, isNew } = planner.handle(inodeKey(inode));
  if (!isNew) return { handle, isFresh: !planner.expected.has(handle) };
  const { name, size, hugeFlags, mode, uid, gid, seals } = inode;
  const what = linkOf(inode);
  if (ANONYMOUS.includes(name)) {
    planner.early.push(segmentStep(planner, inode.segment, { handle, what }));
    return { handle, isFresh: true };
  }
  const permissions = mode === undefined ? {} : { mode: mode & 0o7777 };
  planner.early.push({ kind: "make-memfd", handle, what, name, size, hugeFlags, ...permissions, uid, gid });
  if (seals !== 0) planner.last.push({ kind: "seal", handle, what, seals });
  return { handle, isFresh: true };
}

function inodeKey({ id }: MemoryInode): string {
  return `memory ${id}`;
}

function linkOf({ name }: MemoryInode): string {
  return ANONYMOUS.includes(name) ? `${name} (deleted)` : `/memfd:${name} (deleted)`;
}
