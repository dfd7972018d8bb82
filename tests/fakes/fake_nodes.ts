/** Files of the fake kernel: what can be opened, and what is open. */

import { encodeNetlink } from "../../lib/model/netlink_message.ts";
import {
  encodeRouteBody,
  IFLA_IFNAME,
  linkHeader,
  NLMSG_DONE,
  RTM_NEWLINK,
  textValue,
} from "../../lib/model/route_message.ts";
import {
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  PROC_SUPER_MAGIC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../../lib/sys/constants.ts";
import { errnoName } from "../../lib/sys/errno.ts";
import type { DirectoryEntry } from "../../lib/sys/sys.ts";
import type { FakeHierarchy } from "./fake_cgroups.ts";
import type { FakeTask } from "./fake_tasks.ts";

/** What the fake kernel throws inside; `FakeSys` makes a SysError of it, and a remote call a negated errno. */
export class Errno extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

const NUMBERS = new Map(Array.from({ length: 134 }, (_, number) => [errnoName(number), number]));

/** The number of an errno: 2 for `"ENOENT"`. */
export function errnoNumber(code: string): number {
  const number = NUMBERS.get(code);
  if (number === undefined) throw new RangeError(`Cannot name errno "${code}"`);
  return number;
}

const ENCODER = new TextEncoder();

/** A file, directory or link; everything that a kind of node cannot do fails as in the kernel. */
export abstract class FakeNode {
  uid = 0;
  gid = 0;
  /** The hierarchy that an open descriptor of this node keeps alive. */
  readonly hierarchy: FakeHierarchy | undefined = undefined;

  /** @param fileSystem `f_type` of fstatfs(2); @param mode with the file type */
  constructor(readonly fileSystem: number, public mode: number) {}

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  get size(): number {
    return 0;
  }

  /** Where the link leads; `undefined` for nodes that are none. */
  get target(): string | undefined {
    return undefined;
  }

  child(_name: string): FakeNode | undefined {
    throw new Errno("ENOTDIR");
  }

  list(): DirectoryEntry[] {
    throw new Errno("ENOTDIR");
  }

  make(_name: string, _mode: number): void {
    throw new Errno("EPERM");
  }

  remove(_name: string): void {
    throw new Errno("EPERM");
  }

  read(_reader: FakeTask): Uint8Array {
    throw new Errno(this.isDirectory ? "EISDIR" : "EINVAL");
  }

  /** Returns how much was taken. */
  write(_data: Uint8Array, _writer: FakeTask): number {
    throw new Errno(this.isDirectory ? "EISDIR" : "EINVAL");
  }
}

/** A directory that is kept in memory: of tmpfs, and of every ordinary file system. */
export class MemoryDirectory extends FakeNode {
  readonly children = new Map<string, FakeNode>();

  constructor(fileSystem: number, mode = 0o755) {
    super(fileSystem, S_IFDIR | mode);
  }

  override child(name: string): FakeNode | undefined {
    return this.children.get(name);
  }

  override list(): DirectoryEntry[] {
    return [...this.children].map(([name, node]) => ({ name, isDirectory: node.isDirectory }));
  }

  override make(name: string, mode: number): void {
    if (this.children.has(name)) throw new Errno("EEXIST");
    this.children.set(name, new MemoryDirectory(this.fileSystem, mode));
  }

  override remove(name: string): void {
    const node = this.children.get(name);
    if (node === undefined) throw new Errno("ENOENT");
    if (!node.isDirectory) throw new Errno("ENOTDIR");
    if (node.list().length > 0) throw new Errno("ENOTEMPTY");
    this.children.delete(name);
  }

  /** Puts `node` at `path`, whose parents are made where they lack. */
  put(path: string, node: FakeNode): void {
    const names = path.split("/").filter((name) => name !== "");
    const last = names.pop();
    if (last === undefined) throw new RangeError(`Cannot put a file at "${path}": it has no name`);
    // deno-lint-ignore no-this-alias -- walks down from here
    let directory: MemoryDirectory = this;
    for (const name of names) {
      let next = directory.children.get(name);
      if (next === undefined) directory.children.set(name, next = new MemoryDirectory(this.fileSystem));
      if (!(next instanceof MemoryDirectory)) throw new RangeError(`"${name}" of "${path}" is no directory`);
      directory = next;
    }
    directory.children.set(last, node);
  }
}

/** A file whose content is made when it is read. */
export class TextFile extends FakeNode {
  constructor(fileSystem: number, readonly content: () => string | Uint8Array) {
    super(fileSystem, S_IFREG | 0o644);
  }

  override get size(): number {
    return this.fileSystem === PROC_SUPER_MAGIC ? 0 : this.read().length;
  }

  override read(): Uint8Array {
    const content = this.content();
    return typeof content === "string" ? ENCODER.encode(content) : content;
  }
}

/** A symbolic link. */
export class Link extends FakeNode {
  constructor(fileSystem: number, readonly to: () => string) {
    super(fileSystem, S_IFLNK | 0o777);
  }

  override get target(): string {
    return this.to();
  }
}

/** A file of memfd_create(2). */
export class MemoryFile extends FakeNode {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(new ArrayBuffer(0));
  #position = 0;

  constructor() {
    super(0, S_IFREG | 0o777);
  }

  override get size(): number {
    return this.bytes.length;
  }

  resize(size: number): void {
    const grown = new Uint8Array(new ArrayBuffer(size));
    grown.set(this.bytes.subarray(0, size));
    this.bytes = grown;
  }

  override write(data: Uint8Array): number {
    if (this.#position + data.length > this.size) this.resize(this.#position + data.length);
    this.bytes.set(data, this.#position);
    this.#position += data.length;
    return data.length;
  }
}

/** A socket of rtnetlink(7), which lists the only device there is whatever it is asked. */
export class RouteSocket extends FakeNode {
  constructor() {
    super(0, S_IFSOCK | 0o777);
  }

  override write(data: Uint8Array): number {
    return data.length;
  }

  override read(): Uint8Array {
    const attributes = new Map([[IFLA_IFNAME, textValue("lo")]]);
    const body = encodeRouteBody({ header: linkHeader(1), attributes });
    return Uint8Array.from([
      ...encodeNetlink({ type: RTM_NEWLINK, flags: 0, body }),
      ...encodeNetlink({ type: NLMSG_DONE, flags: 0, body: new Uint8Array(4) }),
    ]);
  }
}

/** An open file description: shared by every descriptor that was inherited from the one that opened it. */
export class OpenFile {
  #content: Uint8Array | undefined;
  #position = 0;

  constructor(readonly node: FakeNode, readonly path: string, readonly flags: number) {
    if ((flags & O_DIRECTORY) !== 0 && !node.isDirectory) throw new Errno("ENOTDIR");
    if (node.isDirectory && (flags & 3) !== O_RDONLY) throw new Errno("EISDIR");
  }

  /** Whether only fstat(2) and openat(2) work with it. */
  get isPathOnly(): boolean {
    return (this.flags & O_PATH) !== 0;
  }

  read(buffer: Uint8Array, reader: FakeTask): number {
    if (this.isPathOnly || (this.flags & 3) === 1) throw new Errno("EBADF");
    this.#content ??= this.node.read(reader);
    const part = this.#content.subarray(this.#position, this.#position + buffer.length);
    buffer.set(part);
    this.#position += part.length;
    return part.length;
  }

  write(data: Uint8Array, writer: FakeTask): number {
    if (this.isPathOnly || (this.flags & 3) === O_RDONLY) throw new Errno("EBADF");
    return this.node.write(data, writer);
  }
}

interface Descriptor {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

/** The descriptors of one process. */
export class DescriptorTable {
  readonly #entries = new Map<number, Descriptor>();

  *[Symbol.iterator](): Iterator<[number, Descriptor]> {
    yield* this.#entries;
  }

  /** Opens the lowest free descriptor. */
  add(file: OpenFile): number {
    let fd = 0;
    while (this.#entries.has(fd)) fd++;
    this.#entries.set(fd, { file, closeOnExec: true });
    return fd;
  }

  get(fd: number): Descriptor {
    const entry = this.#entries.get(fd);
    if (entry === undefined) throw new Errno("EBADF");
    return entry;
  }

  close(fd: number): void {
    if (!this.#entries.delete(fd)) throw new Errno("EBADF");
  }

  closeRange(from: number, to: number): void {
    for (const fd of [...this.#entries.keys()]) if (fd >= from && fd <= to) this.#entries.delete(fd);
  }

  /** What a child inherits: with `exec`, without the descriptors that are close-on-exec. */
  copy(options: { readonly exec: boolean }): DescriptorTable {
    const table = new DescriptorTable();
    for (const [fd, entry] of this.#entries) {
      if (!options.exec || !entry.closeOnExec) table.#entries.set(fd, { ...entry });
    }
    return table;
  }
}
