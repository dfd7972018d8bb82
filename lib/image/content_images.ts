import type { FdinfoEntry } from "../gen/fdinfo.ts";
import type { FileLockEntry } from "../gen/file_lock.ts";
import type { FileEntry } from "../gen/files.ts";
import type { FsEntry } from "../gen/fs.ts";
import type { IpcMsg, IpcMsgEntry, IpcSemEntry, IpcShmEntry, IpcVarEntry } from "../gen/ipc.ts";
import type { MemfdInodeEntry } from "../gen/memfd.ts";
import type { MmEntry } from "../gen/mm.ts";
import type { MntEntry } from "../gen/mnt.ts";
import type { TimensEntry, UsernsEntry, UtsnsEntry } from "../gen/namespaces.ts";
import type { NetDeviceEntry, NetnsEntry } from "../gen/net.ts";
import type { PagemapEntry } from "../gen/pagemap.ts";
import type { PipeDataEntry } from "../gen/pipe.ts";
import type { GhostFileEntry, RemapFilePathEntry } from "../gen/remap.ts";
import type { SeccompFilter } from "../gen/seccomp.ts";
import type { SkPacketEntry } from "../gen/sk_queue.ts";
import type { TcpStreamEntry } from "../gen/tcp_stream.ts";
import type { TtyDataEntry, TtyInfoEntry } from "../gen/tty.ts";

/** A message, and the bytes that follow it in its file. */
export interface WithBytes<T> {
  readonly entry: T;
  readonly bytes: Uint8Array;
}

/** Which pages of an address space or a segment a checkpoint has, and where. */
export interface Pagemap {
  /** Of the file, for problems: `pagemap-7.img`, and with its directory in incremental checkpoints. */
  readonly name: string;
  /** Path of the file of pages, as this process opens it. */
  readonly pagesFile: string;
  /** Bytes of that file; 0 where it is missing. */
  readonly pagesSize: number;
  readonly entries: readonly PagemapEntry[];
  /** The pagemap of the same name in the checkpoint before this one. */
  readonly parent: Pagemap | undefined;
}

/** A ghost file: one that had no name any more. */
export interface GhostImage {
  readonly entry: GhostFileEntry;
  /** Path of its image, as this process opens it. */
  readonly path: string;
  /** What its image has of the content; the rest of it is holes. */
  readonly parts: readonly FilePart[];
}

/** Bytes of a file, from `position` on, that are in another file, from `offset` on. */
export interface FilePart {
  readonly position: number;
  readonly offset: number;
  readonly length: number;
}

/** The images of the root task's namespaces, of those kinds that the dumping CRIU did not share with it. */
export interface NamespaceImages {
  readonly user?: UsernsEntry;
  readonly uts?: UtsnsEntry;
  readonly ipc?: IpcImages;
  /** Those of the tasks that are in another one than the root come behind the root's. */
  readonly net?: readonly NetImages[];
  /** The clocks at the dump: those of the host where there was no time namespace. */
  readonly time?: TimensEntry;
  /** In the same order. */
  readonly mnt?: readonly MountImages[];
}

/** The images of a mount namespace. */
export interface MountImages {
  /** Number in the name of its file, for problems. */
  readonly number: number;
  readonly mounts: readonly MntEntry[];
  /** What tmpfs file systems had, by their device; those of which there is no image are not among them. */
  readonly trees: ReadonlyMap<number, readonly ArchivedFile[]>;
}

/** A file of an archive as tar(1) makes it. */
export interface ArchivedFile {
  /** Relative, without `.` and `..`; `""` for the directory that was archived. */
  readonly path: string;
  /** st_mode, with the file's type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly changeTime: number;
  /** Bytes of a regular file. */
  readonly size: number;
  /** What a regular file has, without its holes, by ascending position. */
  readonly parts: readonly { readonly position: number; readonly bytes: Uint8Array }[];
  /** Of symbolic links. */
  readonly target?: string;
  /** Path of another file of the archive that this one is. */
  readonly sameAs?: string;
  /** Of devices: their number, as makedev(3) makes it. */
  readonly device: number;
}

/** The images of an ipc namespace. */
export interface IpcImages {
  /** Number in the names of its files, for problems. */
  readonly number: number;
  /** Absent when the file is damaged, which has been told. */
  readonly variables: IpcVarEntry | undefined;
  readonly segments: readonly WithBytes<IpcShmEntry>[];
  /** Path of the file of segments, as this process opens it: in old dumps, the contents are in it. */
  readonly segmentsFile: string;
  /** Pages of segments, by their ids. */
  readonly pagemaps: ReadonlyMap<number, Pagemap>;
  /** Each queue is followed by its messages. */
  readonly queues: readonly WithBytes<QueueOrMessage>[];
  readonly semaphores: readonly WithBytes<IpcSemEntry>[];
}

export type QueueOrMessage =
  | { readonly kind: "queue"; readonly queue: IpcMsgEntry }
  | { readonly kind: "message"; readonly message: IpcMsg };

/** Types of the images of a net namespace that have no magic: other programs have written them. */
export const FOREIGN_NET_IMAGES = [
  "ifaddr",
  "route",
  "route6",
  "rule",
  "iptables",
  "ip6tables",
  "nftables",
  "netns-ct",
  "netns-exp",
] as const;
export type ForeignNetImage = typeof FOREIGN_NET_IMAGES[number];

/** The images of a net namespace; a dump that leaves it to others has none of them. */
export interface NetImages {
  /** Number in the names of its files, for problems. */
  readonly number: number;
  readonly netns?: NetnsEntry;
  readonly devices: readonly NetDeviceEntry[];
  /** Of those that are there and not empty. */
  readonly foreign: ReadonlyMap<ForeignNetImage, Uint8Array>;
}

/** The images of what the tasks hold, decoded. */
export interface ContentImages {
  readonly namespaces: NamespaceImages;
  /** By pid. */
  readonly spaces: ReadonlyMap<number, MmEntry>;
  /** By pid; without an entry for a task that has no pages. */
  readonly pagemaps: ReadonlyMap<number, Pagemap>;
  /** By pid. */
  readonly fs: ReadonlyMap<number, FsEntry>;
  /** Descriptors by the id of their table (`files_id`). */
  readonly tables: ReadonlyMap<number, readonly FdinfoEntry[]>;
  readonly files: readonly FileEntry[];
  /** Pages of shared memory, by the segment's id; a segment without any is not among them. */
  readonly segments: ReadonlyMap<number, Pagemap>;
  readonly memfds: readonly MemfdInodeEntry[];
  readonly pipeData: readonly WithBytes<PipeDataEntry>[];
  readonly fifoData: readonly WithBytes<PipeDataEntry>[];
  readonly packets: readonly WithBytes<SkPacketEntry>[];
  /** Of TCP connections, by the socket's inode; those that were not dumped are not among them. */
  readonly streams: ReadonlyMap<number, WithBytes<TcpStreamEntry>>;
  readonly terminals: readonly TtyInfoEntry[];
  readonly terminalData: readonly TtyDataEntry[];
  readonly remaps: readonly RemapFilePathEntry[];
  /** By the id that `remaps` has. */
  readonly ghosts: ReadonlyMap<number, GhostImage>;
  readonly locks: readonly FileLockEntry[];
  readonly filters: readonly SeccompFilter[];
}
