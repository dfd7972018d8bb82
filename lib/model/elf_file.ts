const ELF_MAGIC = 0x464c457f;
const CLASS = 4;
const DATA = 5;
const LITTLE_ENDIAN = 1;

/** A part of a file that a program header tells of; numbers in bytes. */
export interface ProgramHeader {
  /** PT_* */
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/** Where things are in the structures of elf(5), and how large these are. */
interface ElfLayout {
  /** Of an address, an offset and a word of the tables. */
  readonly word: 4 | 8;
  readonly header: { readonly size: number; readonly programs: number; readonly programCount: number };
  readonly program: {
    readonly size: number;
    readonly offset: number;
    readonly address: number;
    readonly length: number;
  };
  readonly symbol: {
    readonly size: number;
    readonly info: number;
    readonly section: number;
    readonly value: number;
    readonly length: number;
  };
}

/** By `EI_CLASS`: of 32 and of 64 bits. */
const LAYOUTS: ReadonlyMap<number, ElfLayout> = new Map([
  [1, {
    word: 4,
    header: { size: 52, programs: 28, programCount: 44 },
    program: { size: 32, offset: 4, address: 8, length: 16 },
    symbol: { size: 16, info: 12, section: 14, value: 4, length: 8 },
  }],
  [2, {
    word: 8,
    header: { size: 64, programs: 32, programCount: 56 },
    program: { size: 56, offset: 8, address: 16, length: 32 },
    symbol: { size: 24, info: 4, section: 6, value: 8, length: 16 },
  }],
]);

/** The ELF file that these bytes are, or the beginning of; `undefined` for bytes that are none. */
export function openElf(bytes: Uint8Array): ElfFile | undefined {
  const layout = LAYOUTS.get(bytes[CLASS] ?? 0);
  if (layout === undefined || bytes[DATA] !== LITTLE_ENDIAN || bytes.length < layout.header.size) return undefined;
  const file = new ElfFile(bytes, layout);
  return file.view.getUint32(0, true) === ELF_MAGIC ? file : undefined;
}

/** The bytes of an ELF file of 32 or 64 bits, little-endian; what is read behind their end is a RangeError. */
export class ElfFile {
  readonly view: DataView;

  /** Taken as they are: `openElf` looks whether they are one. */
  constructor(readonly bytes: Uint8Array, readonly layout: ElfLayout) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  programHeaders(): ProgramHeader[] {
    const { header, program } = this.layout;
    const start = this.word(header.programs);
    const count = this.view.getUint16(header.programCount, true);
    return Array.from({ length: count }, (_, index) => start + index * program.size).map((at) => ({
      type: this.view.getUint32(at, true),
      offset: this.word(at + program.offset),
      address: this.#address(at + program.address),
      size: this.word(at + program.length),
    }));
  }

  /** A word, or an address as what lies between it and `base`: old kernels link their vdsos to the very end. */
  word(at: number, base = 0n): number {
    return Number(BigInt.asUintN(8 * this.layout.word, this.#address(at) - base));
  }

  #address(at: number): bigint {
    return this.layout.word === 8 ? this.view.getBigUint64(at, true) : BigInt(this.view.getUint32(at, true));
  }
}

/** What `read` finds, or `undefined` where it leads out of the file, as in one that is damaged. */
export function withinFile<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
