import {
  type IpcMsgEntry,
  type IpcSemEntry,
  type IpcShmEntry,
  readIpcMsg,
  readIpcMsgEntry,
  readIpcSemEntry,
  readIpcShmEntry,
  readIpcVarEntry,
} from "../gen/ipc.ts";
import { readMntEntry } from "../gen/mnt.ts";
import { readTimensEntry, readUsernsEntry, readUtsnsEntry, type TimensEntry } from "../gen/namespaces.ts";
import { readNetDeviceEntry, readNetnsEntry } from "../gen/net.ts";
import type { TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import {
  type ArchivedFile,
  FOREIGN_NET_IMAGES,
  type IpcImages,
  type MountImages,
  type NamespaceImages,
  type NetImages,
  type Pagemap,
  type QueueOrMessage,
} from "./content_images.ts";
import type { WithBytesReader } from "./decode.ts";
import type { ImageSource } from "./image_source.ts";
import type { Images } from "./images.ts";
import { readArchive } from "./read_archive.ts";
import { readPagemap } from "./read_pagemap.ts";

/** Number of the image that has the host's clocks (`dump_time_ns`, criu/timens.c). */
const HOST = 0;

/** Bytes of a semaphore's value. */
const VALUE_SIZE = 2;

type Tree = Pick<Images, "inventory" | "pstree" | "ids">;
type NamespaceField = keyof TaskKobjIdsEntry & `${string}NsId`;

/** Reads the images of the tasks' namespaces, as far as the dumping CRIU was in others; problems go to `source`. */
export function readNamespaces(source: ImageSource, tree: Tree): NamespaceImages {
  const ofUser = numberOf(tree, "userNsId");
  const user = ofUser === undefined ? undefined : source.single(readUsernsEntry, image("userns", ofUser));
  const number = numberOf(tree, "utsNsId");
  const uts = number === undefined ? undefined : source.single(readUtsnsEntry, image("utsns", number));
  const ipc = numberOf(tree, "ipcNsId");
  const time = readClocks(source, numberOf(tree, "timeNsId"));
  const net = numbersOf(tree, "netNsId").map((number) => readNet(source, number));
  const mnt = readMountNamespaces(source, numbersOf(tree, "mntNsId"));
  return {
    ...user === undefined ? {} : { user },
    ...uts === undefined ? {} : { uts },
    ...ipc === undefined ? {} : { ipc: readIpc(source, ipc) },
    ...net.length === 0 ? {} : { net },
    ...time === undefined ? {} : { time },
    ...mnt.length === 0 ? {} : { mnt },
  };
}

/** `fstype` of images/mnt.proto. */
const TMPFS = 5;

function readClocks(source: ImageSource, number: number | undefined): TimensEntry | undefined {
  if (number !== undefined) return source.single(readTimensEntry, image("timens", number));
  return source.optionalSingle(readTimensEntry, image("timens", HOST));
}

function readMountNamespaces(source: ImageSource, numbers: readonly number[]): MountImages[] {
  const trees = new Map<number, readonly ArchivedFile[]>();
  return numbers.map((number) => readMounts(source, number, trees));
}

/**
 * In directories that are used again, the number of another file system may be that of a tmpfs of an earlier dump.
 *
 * @param trees of the namespaces that were read before, which have file systems in common; gets further ones
 */
function readMounts(source: ImageSource, number: number, trees: Map<number, readonly ArchivedFile[]>): MountImages {
  const mounts = source.entries(readMntEntry, image("mountpoints", number));
  for (const { fstype, rootDev, mntId } of mounts) {
    if (fstype !== TMPFS) continue;
    // The second name is that of old dumps.
    for (const file of [`tmpfs-dev-${rootDev}.tar.gz.img`, `tmpfs-${mntId}.tar.gz.img`]) {
      if (trees.has(rootDev)) continue;
      const bytes = source.bytes(file, { optional: true });
      const tree = bytes === undefined ? undefined : readArchive(bytes);
      if (typeof tree === "string") source.complain(file, tree);
      else if (tree !== undefined) trees.set(rootDev, tree);
    }
  }
  return { number, mounts, trees };
}

function image<T extends string>(type: T, number: number): { readonly type: T; readonly file: string } {
  return { type, file: `${type}-${number}.img` };
}

/**
 * Of all namespaces of a kind that the tasks are in, the root's first, when that has one of its own: CRIU dumps others
 * only then. Before `ns_per_id`, images had no names for them.
 */
function numbersOf(tree: Tree, field: NamespaceField): number[] {
  const root = numberOf(tree, field);
  if (root === undefined) return [];
  const { inventory, pstree, ids } = tree;
  if (inventory.nsPerId !== true) return [root];
  const known = new Set([0, root, inventory.rootIds?.[field]]);
  const all = pstree.map(({ pid }) => ids.get(pid)?.[field] ?? 0);
  return [root, ...new Set(all.filter((number) => !known.has(number)))];
}

/** The number in the name of a namespace's images; `undefined` when CRIU was in the same, or nothing is said of that. */
function numberOf(
  { inventory, pstree, ids }: Tree,
  field: NamespaceField,
): number | undefined {
  const pid = pstree[0]?.pid ?? 0;
  const own = ids.get(pid)?.[field] ?? 0;
  const criu = inventory.rootIds?.[field] ?? 0;
  if (own === 0 || criu === 0 || own === criu) return undefined;
  return inventory.nsPerId === true ? own : pid;
}

function readIpc(source: ImageSource, number: number): IpcImages {
  const segments = source.entriesWithBytes(SEGMENT, image("ipcns-shm", number));
  const pagemaps = new Map<number, Pagemap>();
  for (const { entry: { desc: { id }, inPagemaps } } of segments) {
    const pagemap = inPagemaps === true ? readPagemap(source, `pagemap-shmem-${id}.img`) : undefined;
    if (pagemap !== undefined) pagemaps.set(id, pagemap);
  }
  return {
    number,
    variables: source.single(readIpcVarEntry, image("ipcns-var", number)),
    segments,
    segmentsFile: `${source.directory}/ipcns-shm-${number}.img`,
    pagemaps,
    queues: source.entriesWithBytes(queueReader(), image("ipcns-msg", number)),
    semaphores: source.entriesWithBytes(SEMAPHORES, image("ipcns-sem", number)),
  };
}

function readNet(source: ImageSource, number: number): NetImages {
  const netns = source.optionalSingle(readNetnsEntry, image("netns", number));
  return {
    number,
    ...netns === undefined ? {} : { netns },
    devices: source.optionalEntries(readNetDeviceEntry, image("netdev", number)),
    foreign: new Map(FOREIGN_NET_IMAGES.flatMap((type) => {
      const bytes = source.bytes(`${type}-${number}.img`, { optional: true });
      return bytes === undefined || bytes.length === 0 ? [] : [[type, bytes] as const];
    })),
  };
}

/** In old dumps, the contents of a segment follow it. */
const SEGMENT: WithBytesReader<IpcShmEntry> = {
  read: readIpcShmEntry,
  sizeOf: ({ size, inPagemaps }) => inPagemaps === true ? 0 : rounded(size, 4),
};

const SEMAPHORES: WithBytesReader<IpcSemEntry> = {
  read: readIpcSemEntry,
  sizeOf: ({ nsems }) => rounded(VALUE_SIZE * nsems, 8),
};

/** Of entries there are two kinds: each queue says how many messages come next. */
function queueReader(): WithBytesReader<QueueOrMessage> {
  let left = 0;
  return {
    read(reader) {
      if (left > 0) {
        left--;
        return { kind: "message", message: readIpcMsg(reader) };
      }
      const queue: IpcMsgEntry = readIpcMsgEntry(reader);
      left = queue.qnum;
      return { kind: "queue", queue };
    },
    sizeOf: (entry) => entry.kind === "queue" ? 0 : rounded(entry.message.msize, 8),
  };
}

function rounded(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}
