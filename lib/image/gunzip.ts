/** What is wrong with compressed bytes: nothing else ends a decompression early. */
class Damage extends Error {}

/**
 * Decompresses what gzip(1) has compressed (RFC 1952 and 1951): what the platform has for that is asynchronous, and a
 * library that is not (fflate) makes every start 60 ms longer.
 *
 * @param limit bytes that come of it at most
 * @returns the bytes, or what is wrong
 */
export function gunzip(bytes: Uint8Array, limit: number): Uint8Array<ArrayBuffer> | string {
  try {
    const start = headerEnd(bytes);
    if (start + TRAILER > bytes.length) throw new Damage("the file ends too early");
    const inflater = new Inflater(bytes.subarray(start), limit);
    const result = inflater.run();
    const end = start + inflater.end;
    if (end + TRAILER > bytes.length) throw new Damage("the file ends too early");
    const trailer = new DataView(bytes.buffer, bytes.byteOffset + end);
    if (trailer.getUint32(4, true) !== result.length) {
      throw new Damage("its size is another one than it says at its end");
    }
    if (checksum(result) !== trailer.getUint32(0, true)) throw new Damage("its checksum is not that of what it says");
    // In a user namespace, tar(1) takes any file for a tape, and fills its blocks.
    if (bytes.subarray(end + TRAILER).some((byte) => byte !== 0)) throw new Damage("something follows its end");
    return result;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

const MAGIC = [0x1f, 0x8b, 8];
const FLAG_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
/** Checksum and size of what was compressed. */
const TRAILER = 8;

/** Where the compressed bytes begin. */
function headerEnd(bytes: Uint8Array): number {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) throw new Damage("it is not compressed by gzip");
  const flags = bytes[3] ?? 0;
  let at = 10;
  if ((flags & FLAG_EXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) if ((flags & flag) !== 0) at = bytes.indexOf(0, at) + 1;
  return (flags & FLAG_CRC) === 0 ? at : at + 2;
}

/** CRC-32 (RFC 1952, 8), four bytes at a time. */
function checksum(bytes: Uint8Array): number {
  const tables = makeTables();
  const after = (sum: number, zeros: number) => tables[zeros << 8 | sum & 0xff] ?? 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let sum = 0xffff_ffff;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    sum ^= view.getUint32(at, true);
    sum = after(sum, 3) ^ after(sum >>> 8, 2) ^ after(sum >>> 16, 1) ^ after(sum >>> 24, 0);
  }
  for (; at < bytes.length; at++) sum = sum >>> 8 ^ after(sum ^ view.getUint8(at), 0);
  return ~sum >>> 0;
}

/** What a byte makes of the sum when none, one, two or three bytes that are 0 come after it: 256 of each. */
function makeTables(): Int32Array {
  const tables = new Int32Array(4 << 8);
  for (const at of tables.keys()) {
    let sum = at < 256 ? at : tables[at - 256] ?? 0;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : sum >>> 1 ^ 0xedb88320;
    tables[at] = sum;
  }
  return tables;
}

const LONGEST_CODE = 15;

/** A prefix code: by the next `bits` bits, the symbol times 16 plus the length of its own code; 0 where there is none. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/** Codes are given out by length, and then by symbol (RFC 1951, 3.2.2). */
function makeCode(lengths: readonly number[]): Code {
  const bits = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << bits);
  let code = 0;
  for (let length = 1; length <= bits; length++) {
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      if (code >= 1 << length) throw new Damage("its codes are more than there can be");
      for (let at = reversed(code, length); at < table.length; at += 1 << length) table[at] = symbol << 4 | length;
      code++;
    }
    code <<= 1;
  }
  return { bits, table };
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) result |= (code >> bit & 1) << (length - 1 - bit);
  return result;
}

const END_OF_BLOCK = 256;
const FIRST_LENGTH = 257;
/** What lengths and distances begin with, and how many bits are added to each (RFC 1951, 3.2.5). */
const LENGTHS = steps(3, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]);
const DISTANCES = steps(
  1,
  [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
);
/** The longest has a symbol of its own. */
const LONGEST_LENGTH: Step = { start: 258, extra: 0 };

interface Step {
  readonly start: number;
  readonly extra: number;
}

function steps(first: number, extras: readonly number[]): Step[] {
  let start = first;
  return extras.map((extra) => {
    const step = { start, extra };
    start += 1 << extra;
    return step;
  });
}

/** In which order the lengths of the code for lengths come (RFC 1951, 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** How many times as large as what there is the room for what may come is made. */
const GROWTH = 2;

class Inflater {
  readonly #input: Uint8Array;
  readonly #limit: number;
  #output: Uint8Array<ArrayBuffer>;
  #at = 0;
  #bits = 0;
  #count = 0;
  #written = 0;

  constructor(input: Uint8Array, limit: number) {
    this.#input = input;
    this.#limit = limit;
    this.#output = new Uint8Array(Math.min(limit, GROWTH * input.length));
  }

  /** Where the input goes on behind what was compressed: whole bytes that were taken too early are not of that. */
  get end(): number {
    return this.#at - (this.#count >> 3);
  }

  run(): Uint8Array<ArrayBuffer> {
    for (let isLast = false; !isLast;) {
      isLast = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 0) this.#copyStored();
      else if (kind === 1) this.#inflate(makeCode(FIXED_LITERALS), makeCode(FIXED_DISTANCES));
      else if (kind === 2) this.#inflate(...this.#readCodes());
      else throw new Damage("it has a block of an unknown kind");
    }
    return this.#output.subarray(0, this.#written);
  }

  /** Has `count` bits at least, or what there is, in `#bits`. */
  #fill(count: number): void {
    for (; this.#count < count; this.#count += 8) this.#bits |= (this.#input[this.#at++] ?? 0) << this.#count;
    if (this.#at > this.#input.length + LONGEST_CODE) throw new Damage("the file ends too early");
  }

  #take(count: number): number {
    this.#fill(count);
    const bits = this.#bits & (1 << count) - 1;
    this.#drop(count);
    return bits;
  }

  #drop(count: number): void {
    this.#bits >>>= count;
    this.#count -= count;
  }

  #decode({ bits, table }: Code): number {
    this.#fill(bits);
    const entry = table[this.#bits & (1 << bits) - 1] ?? 0;
    if (entry === 0) throw new Damage("it has a code that stands for nothing");
    this.#drop(entry & 15);
    return entry >> 4;
  }

  /** A block begins at a byte, with its length and the complement of that. */
  #copyStored(): void {
    this.#drop(this.#count & 7);
    const length = this.#take(16);
    if ((this.#take(16) ^ 0xffff) !== length) throw new Damage("the length of a block is damaged");
    this.#room(length);
    while (this.#count > 0) {
      this.#at--;
      this.#drop(8);
    }
    if (this.#at + length > this.#input.length) throw new Damage("the file ends too early");
    this.#output.set(this.#input.subarray(this.#at, this.#at + length), this.#written);
    this.#at += length;
    this.#written += length;
  }

  #readCodes(): [Code, Code] {
    const literals = this.#take(5) + FIRST_LENGTH;
    const distances = this.#take(5) + 1;
    const count = this.#take(4) + 4;
    const own = new Array<number>(ORDER.length).fill(0);
    for (const symbol of ORDER.slice(0, count)) own[symbol] = this.#take(3);
    const lengths = this.#readLengths(makeCode(own), literals + distances);
    return [makeCode(lengths.slice(0, literals)), makeCode(lengths.slice(literals))];
  }

  #readLengths(code: Code, count: number): number[] {
    const lengths: number[] = [];
    while (lengths.length < count) {
      const symbol = this.#decode(code);
      if (symbol < 16) lengths.push(symbol);
      else if (symbol === 16) this.#repeat(lengths, lengths.at(-1) ?? 0, 3 + this.#take(2));
      else this.#repeat(lengths, 0, symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7));
    }
    if (lengths.length > count) throw new Damage("it has more codes than it says");
    return lengths;
  }

  #repeat(lengths: number[], length: number, times: number): void {
    for (let time = 0; time < times; time++) lengths.push(length);
  }

  #inflate(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.#decode(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) {
        this.#room(1);
        this.#output[this.#written++] = symbol;
      } else this.#copy(this.#plus(lengthStep(symbol)), this.#plus(DISTANCES[this.#decode(distances)]));
    }
  }

  #plus(step: Step | undefined): number {
    if (step === undefined) throw new Damage("it has a code that stands for nothing");
    return step.start + this.#take(step.extra);
  }

  /** What is copied may be part of the copy. */
  #copy(length: number, distance: number): void {
    if (distance > this.#written) throw new Damage("it repeats what comes before its beginning");
    this.#room(length);
    const output = this.#output;
    const end = this.#written + length;
    for (let at = this.#written; at < end; at++) output[at] = output[at - distance] ?? 0;
    this.#written = end;
  }

  #room(length: number): void {
    const needed = this.#written + length;
    if (needed <= this.#output.length) return;
    if (needed > this.#limit) {
      throw new Damage(`more than ${this.#limit} bytes come of it, which are the most that are read`);
    }
    const larger = new Uint8Array(Math.min(this.#limit, GROWTH * needed));
    larger.set(this.#output);
    this.#output = larger;
  }
}

function lengthStep(symbol: number): Step | undefined {
  const index = symbol - FIRST_LENGTH;
  return index === LENGTHS.length ? LONGEST_LENGTH : LENGTHS[index];
}

/** Codes of blocks that have none of their own (RFC 1951, 3.2.6). */
const FIXED_LITERALS = Array.from(
  { length: 288 },
  (_, symbol) => symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);
const FIXED_DISTANCES = new Array<number>(32).fill(5);
