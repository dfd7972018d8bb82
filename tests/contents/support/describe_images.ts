/** What images say that tasks hold, as text that can be compared with another dump of the same tasks. */
import { readImages } from "../../../lib/image/read_images.ts";
import { type Mapping, PAGE_SIZE, type PageRun } from "../../../lib/model/address_space.ts";
import { buildCheckpoint } from "../../../lib/model/build_checkpoint.ts";
import { cut } from "../../../lib/model/build_pages.ts";
import type { Contents } from "../../../lib/model/contents.ts";
import type { FileContent } from "../../../lib/model/files/path_file.ts";
import { describeAddress, describeRoute } from "../../../lib/model/describe_route.ts";
import type { Mount } from "../../../lib/model/mounts.ts";
import type { NamespaceContents, NetContents } from "../../../lib/model/namespaces.ts";
import { describeDevice } from "../../../lib/model/net_device.ts";
import type { OpenFile } from "../../../lib/model/open_file.ts";
import type { Registers, TaskState, ThreadState } from "../../../lib/model/task_state.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import type { TreeDescription } from "./describe_tree.ts";

/** Describes what the tasks of a checkpoint hold. */
export function describeImages(images: string): TreeDescription {
  const sys = openLinuxSys();
  try {
    const { contents } = buildCheckpoint(readImages(sys, images, { contents: true }));
    if (contents === undefined) throw new Error("Cannot describe a checkpoint without contents");
    return new ImageDescriber(contents).describe();
  } finally {
    sys.release();
  }
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
/** What an overlay makes for itself in its work directory, with numbers for names, or when it is mounted. */
const OF_OVERLAY = /(^|\/)work\/(#[0-9a-f]+$|incompat\/)/;

class ImageDescriber {
  readonly #lines = new Map<string, string>();
  /** Names for what the kernel or CRIU numbers by itself, in the order in which it is met. */
  readonly #names = new Map<string, string>();
  readonly #open = new Map<string, Deno.FsFile>();

  constructor(readonly contents: Contents) {}

  describe(): TreeDescription {
    try {
      this.#describeNamespaces(this.contents.namespaces);
      for (const [pid, task] of this.contents.tasks) this.#describeTask(pid, task);
      for (const [tid, thread] of this.contents.threads) this.#describeThread(tid, thread);
      return this.#lines;
    } finally {
      for (const file of this.#open.values()) file.close();
    }
  }

  #put(key: string, value: unknown): void {
    this.#lines.set(key, typeof value === "string" ? value : this.#render(value));
  }

  /** Without the clocks, which go on. */
  #describeNamespaces({ uts, ipc, net, mounts }: NamespaceContents): void {
    if (uts !== undefined) this.#put("uts", uts);
    if (net !== undefined) this.#put("net", net.kind === "own" ? describeNet(net) : net);
    this.#describeMounts(mounts ?? []);
    if (ipc === undefined) return;
    this.#put("ipc limits", [ipc.sysctls, ipc.nextIds]);
    for (const { content, ...segment } of ipc.segments) {
      this.#put(`ipc segment #${segment.id}`, { ...segment, id: String(segment.id) });
      if (content.kind === "pages") this.#describePages(`ipc segment #${segment.id} page`, content.pages);
    }
    for (const queue of ipc.queues) this.#put(`ipc queue #${queue.id}`, { ...queue, id: String(queue.id) });
    for (const set of ipc.semaphores) this.#put(`ipc semaphores #${set.id}`, { ...set, id: String(set.id) });
  }

  /** Devices have numbers that the kernel gives. */
  #describeMounts(mounts: readonly Mount[]): void {
    const keyed = mounts.map((mount) => {
      const on = mounts.find(({ id }) => id === mount.parent);
      return [`mount ${mount.mountPoint} on ${on?.mountPoint} of ${on?.source}`, mount] as const;
    });
    for (const [key, mount] of keyed.sort(([a], [b]) => a < b ? -1 : 1)) {
      const { id: _, device, parent: __, tree, ...rest } = mount;
      const files = tree?.filter(({ path }) => !OF_OVERLAY.test(path)).toSorted((a, b) => a.path < b.path ? -1 : 1).map(
        (file) => {
          const { sameAs: ___, changeTime, ...same } = tree.find(({ path }) => path === file.sameAs) ?? file;
          // What is made there for a while changes directories.
          return { ...same, path: file.path, time: (file.mode & S_IFMT) === S_IFREG ? changeTime : undefined };
        },
      );
      this.#put(key, { ...rest, tree: files, inode: device });
    }
  }

  /** JSON in which references to files are what they refer to, and nothing is left of their numbers. */
  #render(value: unknown): string {
    return JSON.stringify(value, (key, entry) => {
      if (key === "left") return isSome(entry);
      if (typeof entry === "bigint") return entry.toString();
      if (entry instanceof Uint8Array) return entry.toHex();
      if (entry instanceof Map) return [...entry];
      if (
        /^(id|inode|pipe|segment|peer|peers|master|listener|mount|fileSystem|inodeId)$/.test(key) &&
        typeof entry === "number"
      ) {
        return this.#name(key, entry);
      }
      // Mapping and running a file are accesses.
      if (key === "accessTime") return undefined;
      if (key === "content" && typeof entry === "object" && "parts" in entry) return this.#describeContent(entry);
      return entry;
    });
  }

  /** The content of a file without a name: where it is in its image does not matter. */
  #describeContent({ path, parts }: FileContent): string {
    const image = Deno.readFileSync(path);
    return parts.map(({ position, offset, length }) => (
      `${position}+${length} ${hashOf(image.subarray(offset, offset + length))}`
    )).join(", ");
  }

  #name(kind: string, number: number): string {
    const known = this.#names.get(`${kind} ${number}`);
    if (known !== undefined) return known;
    const name = `${kind} #${this.#names.size}`;
    this.#names.set(`${kind} ${number}`, name);
    return name;
  }

  #file(id: number): string {
    return this.#render({ ...this.contents.files.get(id), position: undefined });
  }

  #describeTask(pid: number, task: TaskState): void {
    const { memory, table, directories, timers, ...state } = task;
    for (const { fd, file, closeOnExec } of this.contents.tables.get(table) ?? []) {
      this.#put(`${pid} fd ${fd}`, `${this.#render(comparable(this.contents.files.get(file)))} ${closeOnExec}`);
    }
    this.#put(`${pid} working directory`, this.#file(directories.working));
    this.#put(`${pid} root directory`, this.#file(directories.root));
    this.#put(`${pid} umask`, directories.umask);
    this.#put(`${pid} executable`, this.#file(memory.executable));
    for (const mapping of memory.mappings) this.#describeMapping(pid, mapping, memory.pages);
    for (const key of ["layout", "auxv", "guards", "dumpable", "hugePagesDisabled"] as const) {
      this.#put(`${pid} ${key}`, memory[key]);
    }
    for (const [key, value] of Object.entries(state)) this.#put(`${pid} ${key}`, value);
    this.#put(`${pid} interval timers`, timers.intervals.map(({ interval, left }) => [interval, isSome(left)]));
    for (const { left, ...timer } of timers.posix) this.#put(`${pid} timer ${timer.id}`, [timer, isSome(left)]);
  }

  #describeMapping(pid: number, mapping: Mapping, pages: readonly PageRun[]): void {
    const { start, end, content } = mapping;
    const range = `${start.toString(16)}-${end.toString(16)}`;
    const what = content.kind === "file" ? { ...content, file: this.#file(content.file) } : content;
    this.#put(`${pid} map ${range}`, { ...mapping, content: what });
    if (["vdso", "vvar", "vsyscall"].includes(content.kind)) return;
    this.#describePages(`${pid} page`, cut(pages, start, end));
    if (content.kind !== "segment") return;
    this.#describePages(`${pid} shared page ${range} +`, this.contents.segments.get(content.segment)?.pages ?? []);
  }

  /** Pages of zeros are the same as none. */
  #describePages(key: string, runs: readonly PageRun[]): void {
    for (const { address, count, file, offset } of runs) {
      for (let page = 0; page < count; page++) {
        const bytes = this.#readPage(file, offset + page * PAGE_SIZE);
        this.#forgetCpu(address + page * PAGE_SIZE, bytes);
        const words = new Uint32Array(bytes.buffer);
        if (words.some((word) => word !== 0)) {
          this.#put(`${key} ${(address + page * PAGE_SIZE).toString(16)}`, hashOf(words));
        }
      }
    }
  }

  #readPage(path: string, offset: number): Uint8Array<ArrayBuffer> {
    const file = this.#open.get(path) ?? Deno.openSync(path);
    this.#open.set(path, file);
    const bytes = new Uint8Array(new ArrayBuffer(PAGE_SIZE));
    file.seekSync(offset, Deno.SeekMode.Start);
    file.readSync(bytes);
    return bytes;
  }

  /** The kernel writes to `struct rseq` whenever it likes (linux/rseq.h). */
  #forgetCpu(address: number, bytes: Uint8Array): void {
    for (const { rseq } of this.contents.threads.values()) {
      if (rseq === undefined) continue;
      const at = Number(rseq.address) - address;
      if (at >= 0 && at < PAGE_SIZE) bytes.fill(0, at, at + rseq.size);
    }
  }

  #describeThread(tid: number, { registers, ...state }: ThreadState): void {
    for (const [key, value] of Object.entries(state)) this.#put(`thread ${tid} ${key}`, value);
    this.#put(`thread ${tid} registers`, describeRegisters(registers));
    this.#put(`thread ${tid} floating`, registers.floating);
    this.#put(`thread ${tid} segments`, registers.segments);
  }
}

/**
 * Without what tells when addresses were made. Routes are sorted: of those to one place, the kernel lists first what was
 * connected first.
 */
/** Without what goes on by itself: packets are counted, and connections that are tracked get older. */
function describeNet({ devices, addresses, routes, filters, tracked, ...others }: NetContents): unknown {
  return {
    ...others,
    filters: filters.map((
      { tool, rules },
    ) => [tool, ...rules.map((rule) => rule.replace(/(packets|bytes) \d+/g, "$1"))]),
    tracked: tracked.length,
    devices: devices.map((device) => `${device.name}: ${describeDevice(device)}`),
    addresses: addresses.map(describeAddress),
    routes: routes.map(describeRoute).sort(),
  };
}

/**
 * A file without what goes on by itself: clocks and windows of connections. A socket of IPv6 that has been bound is for
 * IPv6 only, and one that has been connected need not be, though both have an address of their own.
 */
function comparable(file: OpenFile | undefined): unknown {
  if (file?.kind !== "inet" || file.connection === undefined) return file;
  const { timestamp: _timestamp, window: _window, ...connection } = file.connection;
  return { ...file, connection, isV6Only: undefined };
}

/** The number of the system call that was last is of no importance any more. */
function describeRegisters({ general }: Registers): string {
  const LAST_CALL = 15;
  return [...general].map((word, index) => index === LAST_CALL ? "-" : word.toString(16)).join(" ");
}

function isSome([seconds, fraction]: readonly [number, number]): boolean {
  return seconds !== 0 || fraction !== 0;
}

/** FNV-1a over words or bytes. */
function hashOf(words: Uint32Array | Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return (hash >>> 0).toString(16);
}
