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
  SLOT_START,
  SLOT_TABLE,
} from "./agent_layout.ts";
import { CLONE_ARGS_SIZE, type RemoteArgument, type RemoteCall, writeCloneArguments } from "./remote_call.ts";

/** Room that every slot has at least, for what a task is asked to do after its first table. */
const SPARE_ENTRIES = 4;
const SPARE_DATA = 64;

/**
 * The memory shared with the tracees, divided in one slot for each thread. Slots are sized for their first table;
 * `measure` all of them before the memory is made, `load` afterwards.
 */
export class Slots {
  readonly #offsets: number[] = [];
  readonly #capacity: number[] = [];
  #size = 0;
  #words = new BigInt64Array(0);
  #bytes = new Uint8Array(0);
  #base = 0n;

  /** Reserves a slot that can hold `calls`; returns its index. */
  measure(calls: readonly RemoteCall[]): number {
    let data = 0;
    for (const call of calls) {
      for (const argument of call.arguments) data += dataSize(argument);
    }
    return this.reserve(calls.length, data);
  }

  /** Reserves a slot for tables of so many entries, with so many bytes of data; returns its index. */
  reserve(entries: number, data: number): number {
    const capacity = Math.max(entries, SPARE_ENTRIES);
    this.#offsets.push(this.#size);
    this.#capacity.push(capacity);
    this.#size += SLOT_TABLE + capacity * ENTRY_SIZE + Math.max(data, SPARE_DATA);
    return this.#offsets.length - 1;
  }

  /** Bytes needed for all slots measured so far, in whole pages. */
  get size(): number {
    return Math.ceil(this.#size / 4096) * 4096;
  }

  /** Uses `memory`, which the tracees see at address `base`. */
  bind(memory: Uint8Array<ArrayBuffer>, base: bigint): void {
    this.#bytes = memory;
    this.#words = new BigInt64Array(memory.buffer, memory.byteOffset, memory.length / 8);
    this.#base = base;
  }

  /** The address of a slot in the tracees. */
  address(slot: number): bigint {
    return this.#base + BigInt(this.#offset(slot));
  }

  /** Writes a table; the slot's thread must be parked, or not have been made. Runs nothing by itself. */
  load(slot: number, calls: readonly RemoteCall[]): void {
    let data = 0;
    calls.forEach((call, index) => data = this.replace(slot, index, { call, data }));
    this.select(slot, 0, calls.length);
  }

  /**
   * Writes one entry, whose arguments point to what is put at offset `data` of the slot's data; returns the offset
   * behind that. The number is written last: to a thread that is running, the entry is there as a whole or not at all,
   * provided that it was all zeros.
   */
  replace(slot: number, index: number, { call, data }: { call: RemoteCall; data: number }): number {
    const start = this.#offset(slot) + SLOT_TABLE;
    const dataStart = start + (this.#capacity[slot] ?? 0) * ENTRY_SIZE;
    const entry = (start + index * ENTRY_SIZE) / 8;
    let next = data;
    this.#words[entry + ENTRY_RESULT / 8] = 0n;
    for (let i = 0; i < 6; i++) {
      const argument = call.arguments[i] ?? 0;
      this.#words[entry + ENTRY_ARGUMENTS / 8 + i] = this.#place(argument, dataStart + next);
      next += dataSize(argument);
    }
    // Atomics order the stores, whatever the compiler makes of them.
    Atomics.store(this.#words, entry + ENTRY_NUMBER / 8, BigInt(call.number));
    return next;
  }

  /** Makes the next run begin with entry `start` and end before `end`: a long table is run piece by piece. */
  select(slot: number, start: number, end: number): void {
    const header = this.#offset(slot) / 8;
    this.#words[header + SLOT_START / 8] = BigInt(start);
    this.#words[header + SLOT_EXECUTED / 8] = BigInt(start);
    this.#words[header + SLOT_FLAGS / 8] = 0n;
    this.#words[header + SLOT_COUNT / 8] = BigInt(end);
  }

  /** Makes the next run go on after entries that fail; `select` and `load` take that back. */
  keepGoing(slot: number): void {
    this.#words[this.#offset(slot) / 8 + SLOT_FLAGS / 8] = FLAG_KEEP_GOING;
  }

  /** Makes the thread sleep for ever when it is continued or detached. */
  hold(slot: number): void {
    this.#words[this.#offset(slot) / 8 + SLOT_COUNT / 8] = HOLD;
  }

  /** How many entries the last run did, a failed one included. */
  executed(slot: number): number {
    return Number(this.#words[this.#offset(slot) / 8 + SLOT_EXECUTED / 8] ?? 0n);
  }

  /** The result of an entry: a value, or a negated errno. 0 also means that it has not run. */
  result(slot: number, index: number): number {
    const entry = (this.#offset(slot) + SLOT_TABLE + index * ENTRY_SIZE) / 8;
    return Number(this.#words[entry + ENTRY_RESULT / 8] ?? 0n);
  }

  #place(argument: RemoteArgument, offset: number): bigint {
    if (typeof argument === "number") return BigInt(argument);
    if (typeof argument === "bigint") return argument;
    if ("slot" in argument) return this.address(argument.slot);
    const address = this.#base + BigInt(offset);
    if ("clone" in argument) {
      writeCloneArguments(new DataView(this.#bytes.buffer, this.#bytes.byteOffset + offset), address, argument.clone);
    } else {
      this.#bytes.set(argument, offset);
    }
    return address;
  }

  #offset(slot: number): number {
    const offset = this.#offsets[slot];
    if (offset === undefined) throw new RangeError(`Cannot use slot ${slot}: it has not been reserved`);
    return offset;
  }
}

/** Room an argument needs behind the table. */
export function dataSize(argument: RemoteArgument): number {
  if (typeof argument !== "object" || "slot" in argument) return 0;
  const size = "clone" in argument ? CLONE_ARGS_SIZE + 4 : argument.length;
  return Math.ceil(size / 8) * 8;
}
