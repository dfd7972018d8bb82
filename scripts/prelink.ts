/**
 * Gives a position-independent executable the one address at which it will be loaded, with all its relative relocations
 * done: Deno's has 159,000 of them, which the dynamic linker would do again at each start, in a quarter of the time
 * that Deno takes to begin. The price is that this executable's own address is no longer random.
 *
 * Layouts: elf(5); tags and relocations of x86-64: System V ABI, AMD64 supplement.
 */

/** Far from where the kernel puts libraries, stacks and heaps of programs without a fixed address. */
const BASE = 0x100_0000_0000n;

const ELF_MAGIC = 0x464c457f;
const CLASS_64_LITTLE_ENDIAN = 0x0102;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_GNU_STACK = 0x6474e551;
const SHT_DYNSYM = 11;
const SHF_ALLOC = 2n;
const STT_TLS = 6;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
const DF_1_PIE = 0x0800_0000n;

const DT = {
  PLTRELSZ: 2n,
  RELA: 7n,
  RELASZ: 8n,
  JMPREL: 23n,
  RELRSZ: 35n,
  RELACOUNT: 0x6fff_fff9n,
  FLAGS_1: 0x6fff_fffbn,
} as const;
/** Tags whose value is an address: PLTGOT, HASH, STRTAB, SYMTAB, RELA, INIT, FINI, JMPREL, arrays of both, GNU's. */
const DT_ADDRESSES: ReadonlySet<bigint> = new Set([
  ...[3n, 4n, 5n, 6n, 7n, 12n, 13n, 23n, 25n, 26n, 32n],
  ...[0x6fff_fef5n, 0x6fff_fff0n, 0x6fff_fffcn, 0x6fff_fffen],
]);

const RELATIVE = 8;
const IRELATIVE = 37;
/** 64, COPY, GLOB_DAT, JUMP_SLOT, DTPMOD64, DTPOFF64, TPOFF64: what they write does not depend on our address. */
const INDEPENDENT: ReadonlySet<number> = new Set([1, 5, 6, 7, 16, 17, 18]);

const SIZES = { programHeader: 56, sectionHeader: 64, dynamic: 16, relocation: 24, symbol: 24 } as const;

/** The executable with a fixed address, or why it cannot have one; `file` is left as it is. */
export function prelink(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | string {
  try {
    return new Prelinker(file.slice()).run();
  } catch (error) {
    if (error instanceof Unfit || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Something about the file that is not known here. */
class Unfit extends Error {}

interface Segment {
  readonly type: number;
  readonly at: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly size: bigint;
}

class Prelinker {
  readonly #file: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #segments: readonly Segment[];
  /** Place of each entry of the dynamic section, by its tag. */
  readonly #dynamic: ReadonlyMap<bigint, number>;

  constructor(file: Uint8Array<ArrayBuffer>) {
    this.#file = file;
    this.#view = new DataView(file.buffer);
    this.#checkHeader();
    this.#segments = this.#readSegments();
    this.#dynamic = this.#readDynamic();
  }

  run(): Uint8Array<ArrayBuffer> {
    if (this.#dynamic.has(DT.RELRSZ)) throw new Unfit("it has packed relative relocations");
    this.#relocate();
    this.#shiftSymbols();
    this.#shiftDynamic();
    this.#shiftHeaders();
    return this.#file;
  }

  #checkHeader(): void {
    const isKnown = this.#u32(0) === ELF_MAGIC && this.#u16(4) === CLASS_64_LITTLE_ENDIAN &&
      this.#u16(18) === EM_X86_64;
    if (!isKnown) throw new Unfit("it is no ELF file for x86-64");
    if (this.#u16(16) !== ET_DYN) throw new Unfit("it is not position-independent");
  }

  #readSegments(): Segment[] {
    const start = Number(this.#u64(32));
    return Array.from({ length: this.#u16(56) }, (_, index) => {
      const at = start + index * SIZES.programHeader;
      return {
        type: this.#u32(at),
        at,
        offset: this.#u64(at + 8),
        address: this.#u64(at + 16),
        size: this.#u64(at + 32),
      };
    });
  }

  #readDynamic(): Map<bigint, number> {
    const segment = this.#segments.find(({ type }) => type === PT_DYNAMIC);
    if (segment === undefined) throw new Unfit("it has no dynamic section");
    const entries = new Map<bigint, number>();
    for (let at = Number(segment.offset); this.#u64(at) !== 0n; at += SIZES.dynamic) entries.set(this.#u64(at), at);
    return entries;
  }

  /** The value of a dynamic tag; 0 where there is none. */
  #tag(tag: bigint): bigint {
    const at = this.#dynamic.get(tag);
    return at === undefined ? 0n : this.#u64(at + 8);
  }

  /** Where in the file the byte with an address is. */
  #fileOffset(address: bigint): number {
    const segment = this.#segments.find((one) => (
      one.type === PT_LOAD && address >= one.address && address < one.address + one.size
    ));
    if (segment === undefined) throw new Unfit(`nothing of it is loaded at 0x${address.toString(16)}`);
    return Number(address - segment.address + segment.offset);
  }

  #relocate(): void {
    const done = this.#tag(DT.RELACOUNT) * BigInt(SIZES.relocation);
    this.#eachRelocation(this.#tag(DT.RELA), done, (at) => {
      if (this.#u32(at + 8) !== RELATIVE) throw new Unfit("a relocation counts as relative and is not");
      this.#setU64(this.#fileOffset(this.#u64(at)), this.#u64(at + 16) + BASE);
    });
    this.#eachRelocation(this.#tag(DT.RELA) + done, this.#tag(DT.RELASZ) - done, (at) => this.#shiftRelocation(at));
    this.#eachRelocation(this.#tag(DT.JMPREL), this.#tag(DT.PLTRELSZ), (at) => this.#shiftRelocation(at));
  }

  #eachRelocation(address: bigint, size: bigint, action: (at: number) => void): void {
    if (size === 0n) return;
    const start = this.#fileOffset(address);
    for (let at = start; at < start + Number(size); at += SIZES.relocation) action(at);
  }

  #shiftRelocation(at: number): void {
    const type = this.#u32(at + 8);
    if (type === RELATIVE || type === IRELATIVE) this.#addBase(at + 16);
    else if (!INDEPENDENT.has(type)) throw new Unfit(`it has a relocation of type ${type}`);
    this.#addBase(at);
  }

  #shiftSymbols(): void {
    for (const { type, offset, size } of this.#sections()) {
      if (type !== SHT_DYNSYM) continue;
      for (let symbol = offset; symbol < offset + size; symbol += SIZES.symbol) {
        const section = this.#u16(symbol + 6);
        const kind = this.#u16(symbol + 4) & 0xf;
        if (section !== SHN_UNDEF && section !== SHN_ABS && kind !== STT_TLS) this.#addBase(symbol + 8);
      }
      return;
    }
    throw new Unfit("it has no section of dynamic symbols");
  }

  #sections(): { at: number; type: number; offset: number; size: number }[] {
    const start = Number(this.#u64(40));
    return Array.from({ length: this.#u16(60) }, (_, index) => {
      const at = start + index * SIZES.sectionHeader;
      return { at, type: this.#u32(at + 4), offset: Number(this.#u64(at + 24)), size: Number(this.#u64(at + 32)) };
    });
  }

  #shiftDynamic(): void {
    const skipped = this.#tag(DT.RELACOUNT) * BigInt(SIZES.relocation);
    for (const [tag, at] of this.#dynamic) {
      let value = this.#u64(at + 8);
      if (tag === DT.RELA) value += skipped;
      if (tag === DT.RELASZ) value -= skipped;
      if (tag === DT.RELACOUNT) value = 0n;
      if (tag === DT.FLAGS_1) value &= ~DF_1_PIE;
      this.#setU64(at + 8, DT_ADDRESSES.has(tag) ? value + BASE : value);
    }
  }

  #shiftHeaders(): void {
    this.#view.setUint16(16, ET_EXEC, true);
    this.#addBase(24);
    for (const { type, at } of this.#segments) {
      if (type === PT_GNU_STACK) continue;
      this.#addBase(at + 16);
      this.#addBase(at + 24);
    }
    for (const { at } of this.#sections()) if ((this.#u64(at + 8) & SHF_ALLOC) !== 0n) this.#addBase(at + 16);
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #u64(at: number): bigint {
    return this.#view.getBigUint64(at, true);
  }

  #setU64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }

  #addBase(at: number): void {
    this.#setU64(at, this.#u64(at) + BASE);
  }
}
