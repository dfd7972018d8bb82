import type { FileBase } from "../open_file.ts";

/** pidfd_open(2) */
export interface PidFile extends FileBase {
  readonly kind: "pidfd";
  /** Of the task, or of the thread where `flags` have PIDFD_THREAD; absent when it has ended and been waited for. */
  readonly pid?: number;
  /** Tells those apart that have ended. */
  readonly inode: number;
}
