import type { FileBase } from "../open_file.ts";

/** A file that is opened by its name: regular file, directory, device, or a link itself (O_PATH). */
export interface PathFile extends FileBase {
  readonly kind: "path";
  /** Absolute in the mount namespace of its mount; of an external file its key, `"file[1c:2a7]"`. */
  readonly path: string;
  /** In directories it may be any number of 64 bits. Absent where it cannot be set. */
  readonly position?: bigint;
  /** Of a regular file, to tell whether it is still the same; absent when the image does not say. */
  readonly size?: number;
  /** st_mode, with the file's type. */
  readonly mode?: number;
  /** GNU build id of an ELF file, in hexadecimal. */
  readonly buildId?: string;
  /** Of the mount in mountpoints-ID.img; absent where mounts were not dumped. */
  readonly mount?: number;
  /** Somebody else provides it. */
  readonly isExternal: boolean;
  /** Where to find it, when its name is gone. */
  readonly remap?: Remap;
  /**
   * Number of the net namespace that an open /dev/net/tun is of, as it was opened there; `ELSEWHERE` when none of the
   * tasks is in it. Absent: that of the root task.
   */
  readonly network?: number;
  /** The device that an open /dev/net/tun is attached to. */
  readonly tun?: TunAttachment;
}

export interface TunAttachment {
  /** Its name in its net namespace. */
  readonly device: string;
  /** Whether no packets come that way for now (IFF_DETACH_QUEUE). */
  readonly isDetached: boolean;
}

export type Remap =
  /** It has this other name meanwhile (`link_remap`), which is removed afterwards. */
  | { readonly kind: "linked"; readonly path: string }
  | { readonly kind: "ghost"; readonly ghost: GhostFile }
  /** A file of /proc/PID of a task that has ended. */
  | { readonly kind: "dead-task"; readonly pid: number };

/** A file without a name, whose content is in the checkpoint. Files of the same id are the same one. */
export interface GhostFile {
  readonly id: number;
  readonly uid: number;
  readonly gid: number;
  /** st_mode */
  readonly mode: number;
  /** Of devices. */
  readonly device: number;
  /** Absent in old dumps, both of them. */
  readonly accessTime?: FileTime;
  readonly changeTime?: FileTime;
  /** Bytes; 0 for what has no content. */
  readonly size: number;
  /** Of symbolic links. */
  readonly target?: string;
  readonly content: FileContent;
}

export type FileTime = readonly [seconds: number, microseconds: number];

/** Parts of a file, which another file has; between them are holes. */
export interface FileContent {
  /** Path of that file, as this process opens it. */
  readonly path: string;
  readonly parts: readonly { readonly position: number; readonly offset: number; readonly length: number }[];
}
