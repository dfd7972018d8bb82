import { type FdinfoEntry, readFdinfoEntry } from "../gen/fdinfo.ts";
import { readFileLockEntry } from "../gen/file_lock.ts";
import { type FileEntry, readFileEntry } from "../gen/files.ts";
import { type FsEntry, readFsEntry } from "../gen/fs.ts";
import { type MemfdInodeEntry, readMemfdInodeEntry } from "../gen/memfd.ts";
import { type MmEntry, readMmEntry } from "../gen/mm.ts";
import { readPipeDataEntry } from "../gen/pipe.ts";
import { readRemapFilePathEntry, type RemapFilePathEntry } from "../gen/remap.ts";
import { readSeccompEntry } from "../gen/seccomp.ts";
import { readSkPacketEntry } from "../gen/sk_queue.ts";
import { readTcpStreamEntry, type TcpStreamEntry } from "../gen/tcp_stream.ts";
import { readTtyDataEntry, readTtyInfoEntry } from "../gen/tty.ts";
import type { ContentImages, GhostImage, Pagemap, WithBytes } from "./content_images.ts";
import type { ImageSource } from "./image_source.ts";
import type { Images } from "./images.ts";
import { readGhost } from "./read_ghost.ts";
import { readNamespaces } from "./read_namespaces.ts";
import { readPagemap } from "./read_pagemap.ts";

/** `VMA_ANON_SHARED` of criu/include/image.h: the mapping's `shmid` is a segment of shared memory. */
const ANON_SHARED = 1 << 8;

/** `remap_type` of images/remap-file-path.proto. */
const LINKED = 0;
const GHOST = 1;
/** In dumps without such a type, this bit of the id says that it is that of a ghost file (criu/include/files-reg.h). */
const GHOST_BIT = 2 ** 31;

/** Reads the images of what the live tasks of a tree hold; problems go to `source`. */
export function readContents(source: ImageSource, tree: Omit<Images, "contents">): ContentImages {
  const { spaces, pagemaps, fs, tables } = readTaskContents(source, tree);
  const files = source.optionalEntries(readFileEntry, { type: "files", file: "files.img" });
  const memfds = source.optionalEntries(readMemfdInodeEntry, { type: "memfd", file: "memfd.img" });
  const remapped = source.optionalEntries(readRemapFilePathEntry, { type: "remap-fpath", file: "remap-fpath.img" });
  const remaps = remapped.map(withType);
  return {
    namespaces: readNamespaces(source, tree),
    spaces,
    pagemaps,
    fs,
    tables,
    files,
    segments: readSegments(source, spaces.values(), memfds),
    memfds,
    ...readQueues(source),
    streams: readStreams(source, files),
    terminals: source.optionalEntries(readTtyInfoEntry, { type: "tty-info", file: "tty-info.img" }),
    terminalData: source.optionalEntries(readTtyDataEntry, { type: "tty-data", file: "tty-data.img" }),
    remaps,
    ghosts: readGhosts(source, remaps),
    locks: source.optionalEntries(readFileLockEntry, { type: "filelocks", file: "filelocks.img" }),
    filters: source.optionalSingle(readSeccompEntry, { type: "seccomp", file: "seccomp.img" })?.seccompFilters ?? [],
  };
}

/** What each task has images of its own for. */
function readTaskContents(
  source: ImageSource,
  { ids }: Pick<Images, "ids">,
): Pick<ContentImages, "spaces" | "pagemaps" | "fs" | "tables"> {
  const spaces = new Map<number, MmEntry>();
  const pagemaps = new Map<number, Pagemap>();
  const fs = new Map<number, FsEntry>();
  const tables = new Map<number, FdinfoEntry[]>();
  const tasks = [...ids].map(([pid, { filesId }]) => ({
    ...{ pid, filesId },
    ...{ mm: `mm-${pid}.img`, pagemap: `pagemap-${pid}.img`, fs: `fs-${pid}.img`, fdinfo: `fdinfo-${filesId}.img` },
  }));
  source.readingAhead(tasks.flatMap((task) => [task.mm, task.pagemap, task.fs, task.fdinfo]), () => {
    for (const task of tasks) {
      if (source.isHopeless) break;
      put(spaces, task.pid, source.single(readMmEntry, { type: "mm", file: task.mm }));
      put(pagemaps, task.pid, readPagemap(source, task.pagemap));
      put(fs, task.pid, source.single(readFsEntry, { type: "fs", file: task.fs }));
      if (tables.has(task.filesId)) continue;
      tables.set(task.filesId, source.optionalEntries(readFdinfoEntry, { type: "fdinfo", file: task.fdinfo }));
    }
  });
  return { spaces, pagemaps, fs, tables };
}

function put<T>(map: Map<number, T>, key: number, value: T | undefined): void {
  if (value !== undefined) map.set(key, value);
}

function readQueues(source: ImageSource): Pick<ContentImages, "pipeData" | "fifoData" | "packets"> {
  const pipe = { read: readPipeDataEntry, sizeOf: (entry: { bytes: number }) => entry.bytes };
  const packet = { read: readSkPacketEntry, sizeOf: (entry: { length: number }) => entry.length };
  return {
    pipeData: source.entriesWithBytes(pipe, { type: "pipes-data", file: "pipes-data.img" }),
    fifoData: source.entriesWithBytes(pipe, { type: "fifo-data", file: "fifo-data.img" }),
    packets: source.entriesWithBytes(packet, { type: "sk-queues", file: "sk-queues.img" }),
  };
}

/** Those of all sockets that have one: it is named after the inode. */
function readStreams(source: ImageSource, files: readonly FileEntry[]): Map<number, WithBytes<TcpStreamEntry>> {
  const reader = {
    read: readTcpStreamEntry,
    sizeOf: ({ inqLen, outqLen }: TcpStreamEntry) => inqLen + outqLen,
  };
  const streams = new Map<number, WithBytes<TcpStreamEntry>>();
  for (const { isk: socket } of files) {
    if (socket === undefined || socket.dstPort === 0) continue;
    const file = `tcp-stream-${socket.ino.toString(16)}.img`;
    put(streams, socket.ino, source.entriesWithBytes(reader, { type: "tcp-stream", file })[0]);
  }
  return streams;
}

/** The pages of all segments of shared memory that are mapped, or are the content of a memfd. */
function readSegments(
  source: ImageSource,
  spaces: Iterable<MmEntry>,
  memfds: readonly MemfdInodeEntry[],
): Map<number, Pagemap> {
  const ids = new Set(memfds.map(({ shmid }) => shmid));
  for (const { vmas } of spaces) for (const vma of vmas) if ((vma.status & ANON_SHARED) !== 0) ids.add(vma.shmid);
  const segments = new Map<number, Pagemap>();
  for (const id of ids) put(segments, id, readPagemap(source, `pagemap-shmem-${id}.img`));
  return segments;
}

/** Those of old dumps get the type that newer ones have. */
function withType(remap: RemapFilePathEntry): RemapFilePathEntry {
  const { remapType, remapId } = remap;
  if (remapType !== undefined) return remap;
  if (remapId < GHOST_BIT) return { ...remap, remapType: LINKED };
  return { ...remap, remapType: GHOST, remapId: remapId - GHOST_BIT };
}

function readGhosts(source: ImageSource, remaps: readonly RemapFilePathEntry[]): Map<number, GhostImage> {
  const ghosts = new Map<number, GhostImage>();
  for (const { remapType, remapId } of remaps) {
    if (remapType === GHOST && !ghosts.has(remapId)) put(ghosts, remapId, readGhost(source, remapId));
  }
  return ghosts;
}
