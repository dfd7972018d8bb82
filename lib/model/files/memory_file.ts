import type { FileBase } from "../open_file.ts";

/** An open memfd_create(2). */
export interface MemoryFile extends FileBase {
  readonly kind: "memfd";
  readonly position: number;
  readonly inode: MemoryInode;
}

/** What it is opened on: several may be on the same one. */
export interface MemoryInode {
  readonly id: number;
  /** `"/dev/zero"` for a segment of anonymous shared memory that was opened through /proc/PID/map_files. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Id of the segment that has its content. */
  readonly segment: number;
  /** F_SEAL_* */
  readonly seals: number;
  /** MFD_HUGETLB with its size; 0 for none. */
  readonly hugeFlags: number;
  readonly mode?: number;
}
