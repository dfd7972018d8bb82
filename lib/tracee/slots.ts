import {
  ENTRY_ARGUMENTS,
  ENTRY_NUMBER,
  ENTRY_RESULT,
  ENTRY_SIZE,
  FLAG_KEEP_GOING,
  HOLD,
  SLOT_COUNT,
  SLOT_EXECUTED,
  SLOT_FLAGS,
  SLOT_SIZE,
  SLOT_START,
  SLOT_TABLE,
} from "./agent_layout.ts";
import {
  CLONE_ARGS_SIZE,
  dataSize,
  dataSizeOf,
  type RemoteArgument,
  type RemoteCall,
  rounded,
  type StructReference,
  writeCloneArguments,
} from "./remote_call.ts";

/** Room that every slot's own table has at least, for what a task is asked to do after its first table. */
const SPARE_ENTRIES = 4;
const SPARE_DATA = 64;

const PAGE = 4096;
const TWO_32 = 2 ** 32;

/** A place for entries, and for what their arguments point to. Offsets are in the shared memory. */
interface Table {
  readonly entries: number;
  readonly capacity: number;
  readonly data: number;
  readonly room: number;
}

/** Memory of a call's result, and where it is to be copied. */
interface Output {
  readonly offset: number;
  readonly to: Uint8Array;
}

/**
 * The memory shared with the tracees: a slot for each thread, a table of its own for each slot, and an arena in which
 * larger tables are put for one run.
 *
 * Everything is measured first, then the memory is made and bound, then tables are loaded.
 */
export class Slots {
  /** Of the table of each slot: how many entries and how much data it has room for. */
  readonly #measures: { readonly capacity: number; readonly room: number }[] = [];
  /** Bytes of all slots and their tables. */
  #tablesEnd = 0;
  #arena = 0;

  #bytes = new Uint8Array(0);
  /** The same memory in halves of words: bigints are slow to make. */
  #halves = new Int32Array(0);
  #base = 0;
  #own: Table[] = [];
  /** The table that each slot runs. */
  #current: Table[] = [];
  #arenaStart = 0;
  #arenaNext = 0;
  readonly #outputs = new Map<number, Output[]>();

  /** Reserves a slot whose table can hold `calls`; returns its index. */
  measure(calls: readonly RemoteCall[]): number {
    return this.reserve(calls.length, dataSizeOf(calls));
  }

  /** Reserves a slot whose table has room for so many entries, with so many bytes of data; returns its index. */
  reserve(entries: number, data: number): number {
    const measure = { capacity: Math.max(entries, SPARE_ENTRIES), room: Math.max(rounded(data), SPARE_DATA) };
    this.#measures.push(measure);
    this.#tablesEnd += SLOT_SIZE + measure.capacity * ENTRY_SIZE + measure.room;
    return this.#measures.length - 1;
  }

  /** Reserves so many bytes more for tables that do not fit in their slot's own. */
  reserveArena(bytes: number): void {
    this.#arena += rounded(bytes);
  }

  /** Bytes needed for all that was measured so far, in whole pages. */
  get size(): number {
    return Math.ceil((this.#tablesEnd + this.#arena) / PAGE) * PAGE;
  }

  /** Uses `memory`, which the tracees see at address `base`. */
  bind(memory: Uint8Array<ArrayBuffer>, base: number): void {
    this.#bytes = memory;
    this.#halves = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
    this.#base = base;
    let at = this.#measures.length * SLOT_SIZE;
    this.#own = this.#measures.map(({ capacity, room }) => {
      const table = { entries: at, capacity, data: at + capacity * ENTRY_SIZE, room };
      at = table.data + room;
      return table;
    });
    this.#current = [...this.#own];
    this.#arenaStart = at;
    this.#arenaNext = at;
  }

  /** The address of a slot in the tracees. */
  address(slot: number): number {
    return this.#addressOf(this.#offset(slot));
  }

  /** Whether `load` can take a table now. */
  hasRoom(slot: number, calls: readonly RemoteCall[]): boolean {
    const data = dataSizeOf(calls);
    return this.#fitsOwn(slot, calls.length, data) || this.#arenaLeft() >= calls.length * ENTRY_SIZE + data;
  }

  /** How much of `calls`, from `start` on, the empty arena can take in one table: where to end. */
  pieceEnd(calls: readonly RemoteCall[], start: number): number {
    let left = this.#arenaSize();
    for (let index = start; index < calls.length; index++) {
      left -= ENTRY_SIZE + dataSizeOf(calls, index, index + 1);
      if (left < 0) return index;
    }
    return calls.length;
  }

  /** Gives back the arena. No slot may be running, or be continued, with a table in it. */
  clearArena(): void {
    this.#bytes.fill(0, this.#arenaStart, this.#arenaNext);
    this.#arenaNext = this.#arenaStart;
    this.#current = [...this.#own];
  }

  /**
   * Writes a table, into the slot's own memory or else into the arena; the slot's thread must be parked, or not have
   * been made. Runs nothing by itself.
   */
  load(slot: number, calls: readonly RemoteCall[]): void {
    this.#current[slot] = this.#placeFor(slot, calls);
    this.#outputs.delete(slot);
    let data = 0;
    calls.forEach((call, index) => data = this.replace(slot, index, { call, data }));
    this.select(slot, 0, calls.length);
  }

  /**
   * Writes one entry, whose arguments point to what is put at offset `data` of the table's data; returns the offset
   * behind that. The number is written last: to a thread that is running, the entry is there as a whole or not at all,
   * provided that it was all zeros.
   */
  replace(slot: number, index: number, { call, data }: { call: RemoteCall; data: number }): number {
    const table = this.#table(slot);
    const entry = table.entries + index * ENTRY_SIZE;
    let next = data;
    this.#setWord(entry + ENTRY_RESULT, 0);
    for (let i = 0; i < 6; i++) {
      const argument = call.arguments[i] ?? 0;
      const at = entry + ENTRY_ARGUMENTS + 8 * i;
      if (typeof argument !== "object") {
        this.#setWord(at, argument);
        continue;
      }
      this.#setWord(at, this.#place(slot, argument, table.data + next));
      next += dataSize(argument);
    }
    // Atomics order the stores, whatever the compiler makes of them. The upper half is 0 already.
    Atomics.store(this.#halves, (entry + ENTRY_NUMBER) / 4, call.number);
    return next;
  }

  /** Makes the next run begin with entry `start` and end before `end`: a long table is run piece by piece. */
  select(slot: number, start: number, end: number): void {
    const header = this.#offset(slot);
    this.#setWord(header + SLOT_START, start);
    this.#setWord(header + SLOT_EXECUTED, start);
    this.#setWord(header + SLOT_FLAGS, 0);
    this.#setWord(header + SLOT_TABLE, this.#addressOf(this.#table(slot).entries));
    this.#setWord(header + SLOT_COUNT, end);
  }

  /** Makes the next run go on after entries that fail; `select` and `load` take that back. */
  keepGoing(slot: number): void {
    this.#setWord(this.#offset(slot) + SLOT_FLAGS, FLAG_KEEP_GOING);
  }

  /** Makes the thread sleep for ever when it is continued or detached. */
  hold(slot: number): void {
    this.#setWord(this.#offset(slot) + SLOT_COUNT, HOLD);
  }

  /** How many entries the last run did, a failed one included. */
  executed(slot: number): number {
    return this.#word(this.#offset(slot) + SLOT_EXECUTED);
  }

  /** The result of an entry: a value, or a negated errno. 0 also means that it has not run. */
  result(slot: number, index: number): number {
    return this.#word(this.#table(slot).entries + index * ENTRY_SIZE + ENTRY_RESULT);
  }

  /** The argument words of an entry. */
  argumentsOf(slot: number, index: number): number[] {
    const start = this.#table(slot).entries + index * ENTRY_SIZE + ENTRY_ARGUMENTS;
    return Array.from({ length: 6 }, (_, i) => this.#word(start + 8 * i));
  }

  /** Copies what calls have written to where they were asked to; returns whether they have written anything. */
  collect(slot: number): boolean {
    const outputs = this.#outputs.get(slot) ?? [];
    for (const { offset, to } of outputs) to.set(this.#bytes.subarray(offset, offset + to.length));
    return outputs.length > 0;
  }

  #fitsOwn(slot: number, entries: number, data: number): boolean {
    const own = this.#own[slot];
    return own !== undefined && entries <= own.capacity && data <= own.room;
  }

  #arenaSize(): number {
    return this.#bytes.length - this.#arenaStart;
  }

  #arenaLeft(): number {
    return this.#bytes.length - this.#arenaNext;
  }

  #placeFor(slot: number, calls: readonly RemoteCall[]): Table {
    const room = dataSizeOf(calls);
    const own = this.#own[slot];
    if (own !== undefined && this.#fitsOwn(slot, calls.length, room)) return own;
    const size = calls.length * ENTRY_SIZE;
    if (this.#arenaLeft() < size + room) throw new RangeError(`Cannot load a table of ${size + room} bytes: no room`);
    const entries = this.#arenaNext;
    this.#arenaNext += size + room;
    return { entries, capacity: calls.length, data: entries + size, room };
  }

  /** Puts what an argument points to at `offset`; returns the argument's address. */
  #place(slot: number, argument: Exclude<RemoteArgument, number | bigint>, offset: number): number {
    const address = this.#addressOf(offset);
    if (argument instanceof Uint8Array) this.#bytes.set(argument, offset);
    else if ("slot" in argument) return this.#addressOf(this.#offset(argument.slot));
    else if ("clone" in argument) {
      const memory = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + offset, rounded(CLONE_ARGS_SIZE + 4));
      writeCloneArguments(memory, BigInt(address), argument.clone);
    } else if ("output" in argument) this.#expectOutput(slot, { offset, to: argument.output });
    else this.#placeStruct(argument, offset);
    return address;
  }

  #expectOutput(slot: number, output: Output): void {
    this.#bytes.fill(0, output.offset, output.offset + output.to.length);
    const known = this.#outputs.get(slot);
    if (known === undefined) this.#outputs.set(slot, [output]);
    else known.push(output);
  }

  #placeStruct({ struct, pointers }: StructReference, offset: number): void {
    this.#bytes.set(struct, offset);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + offset, struct.length);
    let next = offset + rounded(struct.length);
    for (const [at, target] of pointers) {
      if (target instanceof Uint8Array) this.#bytes.set(target, next);
      else this.#placeStruct(target, next);
      view.setBigUint64(at, BigInt(this.#addressOf(next)), true);
      next += dataSize(target);
    }
  }

  #addressOf(offset: number): number {
    return this.#base + offset;
  }

  /** Stores a whole number, or any word, at a byte offset. */
  #setWord(offset: number, value: number | bigint): void {
    const index = offset / 4;
    if (typeof value === "bigint") {
      this.#halves[index] = Number(BigInt.asIntN(32, value));
      this.#halves[index + 1] = Number(BigInt.asIntN(32, value >> 32n));
    } else {
      this.#halves[index] = value;
      this.#halves[index + 1] = Math.floor(value / TWO_32);
    }
  }

  /** The signed word at a byte offset; exact for all that a system call returns. */
  #word(offset: number): number {
    const index = offset / 4;
    return (this.#halves[index + 1] ?? 0) * TWO_32 + ((this.#halves[index] ?? 0) >>> 0);
  }

  #table(slot: number): Table {
    const table = this.#current[slot];
    if (table === undefined) throw new RangeError(`Cannot use slot ${slot}: it has not been reserved`);
    return table;
  }

  #offset(slot: number): number {
    if (slot < 0 || slot >= this.#measures.length) {
      throw new RangeError(`Cannot use slot ${slot}: it has not been reserved`);
    }
    return slot * SLOT_SIZE;
  }
}
