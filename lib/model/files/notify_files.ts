import type { FileBase } from "../open_file.ts";

/** inotify(7) */
export interface InotifyFile extends FileBase {
  readonly kind: "inotify";
  /** By ascending number. */
  readonly watches: readonly InotifyWatch[];
}

export interface InotifyWatch {
  /** What events of it are told by. */
  readonly number: number;
  /** IN_* */
  readonly mask: number;
  readonly target: WatchTarget;
}

/** fanotify(7) */
export interface FanotifyFile extends FileBase {
  readonly kind: "fanotify";
  /** FAN_* of fanotify_init(2), as it was made with; what has changed since is in `flags`. */
  readonly groupFlags: number;
  /** How the files of events are opened. */
  readonly eventFlags: number;
  /** The newest first. */
  readonly marks: readonly FanotifyMark[];
}

export interface FanotifyMark {
  /** FAN_MARK_* */
  readonly flags: number;
  readonly mask: number;
  readonly ignoredMask: number;
  readonly target: WatchTarget;
}

/** What is watched, by how it can be found. */
export type WatchTarget =
  | WatchedPath
  /** The file without a name that has this id. */
  | { readonly kind: "ghost"; readonly ghost: number }
  | FileHandle;

/** `mount`: all of a mount, which has this path. */
export interface WatchedPath {
  readonly kind: "path" | "mount";
  /** Absolute in the mount namespace of its mount. */
  readonly path: string;
  /** Of the mount in mountpoints-ID.img; absent where the image does not say. */
  readonly mount?: number;
}

/** What open_by_handle_at(2) takes, on a device as the kernel numbers it (`s_dev`: 20 bits of minor number). */
export interface FileHandle {
  readonly kind: "handle";
  readonly device: number;
  readonly type: number;
  readonly bytes: Uint8Array;
}
