import type { FileBase } from "../open_file.ts";

/** A file that is opened by its name: regular file, directory, device, or a link itself (O_PATH). */
export interface PathFile extends FileBase {
  readonly kind: "path";
  /** Absolute in the tasks' mount namespace. */
  readonly path: string;
  readonly position: number;
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
  readonly accessTime?: readonly [seconds: number, microseconds: number];
  readonly changeTime?: readonly [seconds: number, microseconds: number];
  /** Bytes. */
  readonly size: number;
  /** Of symbolic links. */
  readonly target?: string;
  /** The image with its content. */
  readonly image: {
    readonly path: string;
    readonly offset: number;
    readonly size: number;
    /** Whether the content is a list of chunks with holes between them. */
    readonly isChunked: boolean;
  };
}
