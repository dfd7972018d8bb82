import type { VdsoFunction } from "../../lib/model/parse_vdso.ts";

const SIZE = 0x1000;
const DYNAMIC = 0x100;
const SYMBOLS = 0x180;
const NAMES = 0x400;
const HASH = 0x500;

/** Where things are in files of 64 and of 32 bits (elf(5)). */
const NATIVE = {
  ...{ class: 2, word: 8, headers: 64, programsAt: 32, countAt: 56 },
  program: { size: 56, offset: 8, address: 16, length: 32 },
  symbol: { size: 24, info: 4, section: 6, value: 8, length: 16 },
};
const COMPAT = {
  ...{ class: 1, word: 4, headers: 52, programsAt: 28, countAt: 44 },
  program: { size: 32, offset: 4, address: 8, length: 16 },
  symbol: { size: 16, info: 12, section: 14, value: 4, length: 8 },
};

/** A vdso of one page with these functions, whose code is nothing. */
export function buildVdso(
  functions: readonly VdsoFunction[],
  { hash = "sysv", base = 0n, isCompat = false }: {
    readonly hash?: "sysv" | "gnu";
    readonly base?: bigint;
    readonly isCompat?: boolean;
  } = {},
): Uint8Array<ArrayBuffer> {
  const layout = isCompat ? COMPAT : NATIVE;
  const { program, symbol } = layout;
  const bytes = new Uint8Array(new ArrayBuffer(SIZE));
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: bigint | number) => {
    if (isCompat) view.setUint32(at, Number(BigInt.asUintN(32, BigInt(value))), true);
    else view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, layout.class, 1, 1]);
  word(layout.programsAt, layout.headers);
  view.setUint16(layout.countAt, 2, true);
  const header = (at: number, type: number, offset: number) => {
    view.setUint32(at, type, true);
    word(at + program.offset, offset);
    word(at + program.address, base + BigInt(offset));
    word(at + program.length, SIZE - offset);
  };
  header(layout.headers, 1, 0);
  header(layout.headers + program.size, 2, DYNAMIC);
  const tag = hash === "sysv" ? 4 : 0x6fff_fef5;
  const tables = [[5, NAMES], [6, SYMBOLS], [tag, HASH]] as const;
  for (const [index, [kind, offset]] of tables.entries()) {
    word(DYNAMIC + 2 * layout.word * index, kind);
    word(DYNAMIC + 2 * layout.word * index + layout.word, base + BigInt(offset));
  }
  // The first symbol is none, and the first name is empty.
  let name = NAMES + 1;
  functions.forEach((one, index) => {
    const at = SYMBOLS + symbol.size * (index + 1);
    view.setUint32(at, name - NAMES, true);
    view.setUint8(at + symbol.info, 0x12);
    view.setUint16(at + symbol.section, 12, true);
    word(at + symbol.value, base + BigInt(one.offset));
    word(at + symbol.length, one.size);
    bytes.set(new TextEncoder().encode(`${one.name}\0`), name);
    name += one.name.length + 1;
  });
  if (hash === "sysv") view.setUint32(HASH + 4, functions.length + 1, true);
  else writeGnuHash(view, functions.length, layout.word / 4);
  return bytes;
}

/** One bucket with all symbols from the first on, in one chain whose end has its lowest bit set. */
function writeGnuHash(view: DataView, count: number, bloomSize: number): void {
  const chain = Array.from({ length: count }, (_, index) => index === count - 1 ? 1 : 2);
  const words = [1, 1, 1, 0, ...Array<number>(bloomSize).fill(0), 1, ...chain];
  words.forEach((value, index) => view.setUint32(HASH + 4 * index, value, true));
}
