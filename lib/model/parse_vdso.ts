/** A function of a vdso. */
export interface VdsoFunction {
  readonly name: string;
  /** From the beginning of the vdso. */
  readonly offset: number;
  readonly size: number;
}

const ELF_MAGIC = 0x464c457f;
const CLASS_64 = 2;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_HASH = 4;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_GNU_HASH = 0x6fff_fef5;
const STT_FUNC = 2;
const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const DYNAMIC_SIZE = 16;
const SYMBOL_SIZE = 24;

/**
 * The functions that a vdso has, from its dynamic symbols (elf(5), vdso(7)), as it lies in memory; `undefined` when it
 * is no ELF file for 64 bits, or damaged.
 */
export function parseVdso(bytes: Uint8Array): VdsoFunction[] | undefined {
  try {
    return new VdsoReader(bytes).functions();
  } catch (error) {
    // An offset leads out of the file.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface ProgramHeader {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

class VdsoReader {
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  functions(): VdsoFunction[] | undefined {
    if (this.bytes.length < HEADER_SIZE || this.#view.getUint32(0, true) !== ELF_MAGIC) return undefined;
    if (this.bytes[4] !== CLASS_64) return undefined;
    const headers = this.#programHeaders();
    const load = headers.find(({ type }) => type === PT_LOAD);
    const dynamic = headers.find(({ type }) => type === PT_DYNAMIC);
    if (load === undefined || dynamic === undefined) return undefined;
    const tables = this.#tables(dynamic, load.address);
    const [symbols, strings] = [tables.get(DT_SYMTAB), tables.get(DT_STRTAB)];
    const count = this.#countSymbols(tables);
    if (symbols === undefined || strings === undefined || count === undefined) return undefined;
    if (count * SYMBOL_SIZE > this.bytes.length) return undefined;
    return Array.from({ length: count }, (_, index) => symbols + index * SYMBOL_SIZE)
      .flatMap((at) => this.#function(at, strings, load.address));
  }

  #programHeaders(): ProgramHeader[] {
    const start = this.#word(32);
    const count = this.#view.getUint16(56, true);
    return Array.from({ length: count }, (_, index) => start + index * PROGRAM_HEADER_SIZE).map((at) => ({
      type: this.#view.getUint32(at, true),
      offset: this.#word(at + 8),
      address: this.#view.getBigUint64(at + 16, true),
      size: this.#word(at + 32),
    }));
  }

  /** Offsets of what the dynamic section points to, by tag. */
  #tables({ offset, size }: ProgramHeader, base: bigint): Map<number, number> {
    const tables = new Map<number, number>();
    for (let at = offset; at + DYNAMIC_SIZE <= offset + size; at += DYNAMIC_SIZE) {
      const tag = this.#word(at);
      if (tag === 0) break;
      tables.set(tag, this.#word(at + 8, base));
    }
    return tables;
  }

  #countSymbols(tables: ReadonlyMap<number, number>): number | undefined {
    const hash = tables.get(DT_HASH);
    if (hash !== undefined) return this.#view.getUint32(hash + 4, true);
    const gnuHash = tables.get(DT_GNU_HASH);
    return gnuHash === undefined ? undefined : this.#countHashed(gnuHash);
  }

  /** The table of GNU hashes does not say how many there are: the end of the last chain does. */
  #countHashed(at: number): number {
    const [buckets, first, bloomWords] = [0, 4, 8].map((offset) => this.#view.getUint32(at + offset, true));
    if (buckets === undefined || first === undefined || bloomWords === undefined) return 0;
    const table = at + 16 + 8 * bloomWords;
    let last = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      last = Math.max(last, this.#view.getUint32(table + 4 * bucket, true));
    }
    if (last < first) return first;
    const chains = table + 4 * buckets;
    while ((this.#view.getUint32(chains + 4 * (last - first), true) & 1) === 0) last++;
    return last + 1;
  }

  #function(at: number, strings: number, base: bigint): VdsoFunction[] {
    const type = this.#view.getUint8(at + 4) & 0xf;
    const isDefined = this.#view.getUint16(at + 6, true) !== 0;
    if (type !== STT_FUNC || !isDefined) return [];
    const name = this.#string(strings + this.#view.getUint32(at, true));
    return [{ name, offset: this.#word(at + 8, base), size: this.#word(at + 16) }];
  }

  #string(at: number): string {
    const end = this.bytes.indexOf(0, at);
    if (at >= this.bytes.length || end === -1) throw new RangeError("Cannot read a name behind the end");
    return String.fromCharCode(...this.bytes.subarray(at, end));
  }

  /** A word, or an address as what lies between it and `base`: old kernels link their vdsos to the very end. */
  #word(at: number, base = 0n): number {
    return Number(BigInt.asUintN(64, this.#view.getBigUint64(at, true) - base));
  }
}
