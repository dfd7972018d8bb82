/** Address spaces of the fake kernel. */

import { Errno, type MemoryFile } from "./fake_nodes.ts";

/** One mapping; shared ones look through `file` at its bytes of the moment. */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  protection: number;
  readonly name: string;
  readonly file: MemoryFile | undefined;
  readonly own: Uint8Array;
}

const PROT_WRITE = 2;

/** The memory of a process. */
export class AddressSpace {
  #mappings: Mapping[] = [];

  get mappings(): readonly Mapping[] {
    return this.#mappings;
  }

  /** Maps `size` bytes; fails with EEXIST where something is mapped. */
  map(
    start: bigint,
    size: number,
    options: {
      readonly protection: number;
      readonly name?: string;
      readonly file?: MemoryFile;
      readonly bytes?: Uint8Array;
    },
  ): void {
    const end = start + BigInt(size);
    if (size === 0 || start % 4096n !== 0n) throw new Errno("EINVAL");
    if (this.#mappings.some((other) => start < other.end && other.start < end)) throw new Errno("EEXIST");
    const own = new Uint8Array(options.file === undefined ? size : 0);
    if (options.bytes !== undefined) own.set(options.bytes);
    const { protection, name = "", file } = options;
    this.#mappings.push({ start, end, protection, name, file, own });
    this.#mappings.sort((a, b) => a.start < b.start ? -1 : 1);
  }

  /** Takes away all that lies between the two addresses; mappings are never split. */
  unmap(start: bigint, size: bigint): void {
    if (start % 4096n !== 0n || size === 0n) throw new Errno("EINVAL");
    this.#mappings = this.#mappings.filter((mapping) => mapping.start < start || mapping.end > start + size);
  }

  protect(start: bigint, protection: number): void {
    const mapping = this.#mappings.find((mapping) => mapping.start === start);
    if (mapping === undefined) throw new Errno("ENOMEM");
    mapping.protection = protection;
  }

  /** The mapping at an address, if any. */
  find(address: bigint): Mapping | undefined {
    return this.#mappings.find((mapping) => address >= mapping.start && address < mapping.end);
  }

  /** A view of `size` bytes at `address`; EFAULT where they are not all there. */
  view(address: bigint, size: number): DataView {
    const mapping = this.find(address);
    if (mapping === undefined || address + BigInt(size) > mapping.end) throw new Errno("EFAULT");
    const bytes = mapping.file?.bytes ?? mapping.own;
    return new DataView(bytes.buffer, bytes.byteOffset + Number(address - mapping.start), size);
  }

  /** The bytes up to the next NUL. */
  string(address: bigint): string {
    let text = "";
    for (let at = address;; at++) {
      const byte = this.view(at, 1).getUint8(0);
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
  }

  write(address: bigint, data: Uint8Array): void {
    if (((this.find(address)?.protection ?? 0) & PROT_WRITE) === 0) throw new Errno("EFAULT");
    const view = this.view(address, data.length);
    new Uint8Array(view.buffer, view.byteOffset, data.length).set(data);
  }

  /** What fork(2) gives to a child. */
  copy(): AddressSpace {
    const copy = new AddressSpace();
    copy.#mappings = this.#mappings.map((mapping) => ({ ...mapping, own: mapping.own.slice() }));
    return copy;
  }

  /** As `/proc/PID/maps` tells it. */
  describe(): string {
    return this.#mappings.map(({ start, end, protection, name, file }) => {
      const rights = ["r", "w", "x"].map((letter, bit) => (protection >> bit) & 1 ? letter : "-").join("");
      const range = `${start.toString(16)}-${end.toString(16)}`;
      return `${range} ${rights}${file === undefined ? "p" : "s"} 00000000 00:00 0 ${name}\n`;
    }).join("");
  }
}
