import type { VdsoFunction } from "../../lib/model/parse_vdso.ts";

const SIZE = 0x1000;
const HEADERS = 64;
const DYNAMIC = 0x100;
const SYMBOLS = 0x180;
const NAMES = 0x400;
const HASH = 0x500;

/** A vdso of one page with these functions, whose code is nothing. */
export function buildVdso(
  functions: readonly VdsoFunction[],
  { hash = "sysv", base = 0n }: { readonly hash?: "sysv" | "gnu"; readonly base?: bigint } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(SIZE));
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: bigint | number) => view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  word(32, HEADERS); // e_phoff
  view.setUint16(56, 2, true); // e_phnum
  const header = (at: number, type: number, offset: number) => {
    view.setUint32(at, type, true);
    word(at + 8, offset);
    word(at + 16, base + BigInt(offset));
    word(at + 32, SIZE - offset);
  };
  header(HEADERS, 1, 0);
  header(HEADERS + 56, 2, DYNAMIC);
  const tag = hash === "sysv" ? 4 : 0x6fff_fef5;
  const tables = [[5, NAMES], [6, SYMBOLS], [tag, HASH]] as const;
  for (const [index, [kind, offset]] of tables.entries()) {
    word(DYNAMIC + 16 * index, kind);
    word(DYNAMIC + 16 * index + 8, base + BigInt(offset));
  }
  // The first symbol is none, and the first name is empty.
  let name = NAMES + 1;
  functions.forEach((one, index) => {
    const at = SYMBOLS + 24 * (index + 1);
    view.setUint32(at, name - NAMES, true);
    view.setUint8(at + 4, 0x12);
    view.setUint16(at + 6, 12, true);
    word(at + 8, base + BigInt(one.offset));
    word(at + 16, one.size);
    bytes.set(new TextEncoder().encode(`${one.name}\0`), name);
    name += one.name.length + 1;
  });
  if (hash === "sysv") view.setUint32(HASH + 4, functions.length + 1, true);
  else writeGnuHash(view, functions.length);
  return bytes;
}

/** One bucket with all symbols from the first on, in one chain whose end has its lowest bit set. */
function writeGnuHash(view: DataView, count: number): void {
  const words = [1, 1, 1, 0, 0, 0, 1, ...Array.from({ length: count }, (_, index) => index === count - 1 ? 1 : 2)];
  words.forEach((value, index) => view.setUint32(HASH + 4 * index, value, true));
}
