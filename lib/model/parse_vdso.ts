import { type ElfFile, openElf, type ProgramHeader, withinFile } from "./elf_file.ts";

/** A function of a vdso. */
export interface VdsoFunction {
  readonly name: string;
  /** From the beginning of the vdso. */
  readonly offset: number;
  readonly size: number;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_HASH = 4;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_GNU_HASH = 0x6fff_fef5;
const STT_FUNC = 2;

/**
 * The functions that a vdso has, from its dynamic symbols (elf(5), vdso(7)), as it lies in memory; `undefined` when it
 * is no ELF file, or damaged.
 */
export function parseVdso(bytes: Uint8Array): VdsoFunction[] | undefined {
  const file = openElf(bytes);
  return file === undefined ? undefined : withinFile(() => new VdsoReader(file).functions());
}

class VdsoReader {
  readonly #file: ElfFile;

  constructor(file: ElfFile) {
    this.#file = file;
  }

  functions(): VdsoFunction[] | undefined {
    const { bytes, layout: { symbol } } = this.#file;
    const headers = this.#file.programHeaders();
    const load = headers.find(({ type }) => type === PT_LOAD);
    const dynamic = headers.find(({ type }) => type === PT_DYNAMIC);
    if (load === undefined || dynamic === undefined) return undefined;
    const tables = this.#tables(dynamic, load.address);
    const [symbols, strings] = [tables.get(DT_SYMTAB), tables.get(DT_STRTAB)];
    const count = this.#countSymbols(tables);
    if (symbols === undefined || strings === undefined || count === undefined) return undefined;
    if (count * symbol.size > bytes.length) return undefined;
    return Array.from({ length: count }, (_, index) => symbols + index * symbol.size)
      .flatMap((at) => this.#function(at, strings, load.address));
  }

  /** Offsets of what the dynamic section points to, by tag. */
  #tables({ offset, size }: ProgramHeader, base: bigint): Map<number, number> {
    const tables = new Map<number, number>();
    const { layout: { word } } = this.#file;
    for (let at = offset; at + 2 * word <= offset + size; at += 2 * word) {
      const tag = this.#file.word(at);
      if (tag === 0) break;
      tables.set(tag, this.#file.word(at + word, base));
    }
    return tables;
  }

  #countSymbols(tables: ReadonlyMap<number, number>): number | undefined {
    const hash = tables.get(DT_HASH);
    if (hash !== undefined) return this.#file.view.getUint32(hash + 4, true);
    const gnuHash = tables.get(DT_GNU_HASH);
    return gnuHash === undefined ? undefined : this.#countHashed(gnuHash);
  }

  /** The table of GNU hashes does not say how many there are: the end of the last chain does. */
  #countHashed(at: number): number {
    const { view, layout: { word } } = this.#file;
    const [buckets, first, bloomWords] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true));
    if (buckets === undefined || first === undefined || bloomWords === undefined) return 0;
    const table = at + 16 + word * bloomWords;
    let last = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      last = Math.max(last, view.getUint32(table + 4 * bucket, true));
    }
    if (last < first) return first;
    const chains = table + 4 * buckets;
    while ((view.getUint32(chains + 4 * (last - first), true) & 1) === 0) last++;
    return last + 1;
  }

  #function(at: number, strings: number, base: bigint): VdsoFunction[] {
    const { view, layout: { symbol } } = this.#file;
    const type = view.getUint8(at + symbol.info) & 0xf;
    const isDefined = view.getUint16(at + symbol.section, true) !== 0;
    if (type !== STT_FUNC || !isDefined) return [];
    const name = this.#string(strings + view.getUint32(at, true));
    return [{ name, offset: this.#file.word(at + symbol.value, base), size: this.#file.word(at + symbol.length) }];
  }

  #string(at: number): string {
    const { bytes } = this.#file;
    const end = bytes.indexOf(0, at);
    if (at >= bytes.length || end === -1) throw new RangeError("Cannot read a name behind the end");
    return String.fromCharCode(...bytes.subarray(at, end));
  }
}
