import { deepEqual, equal, throws } from "node:assert/strict";
import {
  ENTRY_ARGUMENTS,
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
import { cString } from "../text.ts";
import { CLONE_ARGS_SIZE, type RemoteArgument, type RemoteCall } from "./remote_call.ts";
import { Slots } from "./slots.ts";

const BASE = 0x41000;
const purpose = { call: "test", attempt: () => "Cannot test" };

function call(number: number, ...args: RemoteArgument[]): RemoteCall {
  return { number, arguments: args, purpose };
}

/** Slots with these tables, and ways to look at their memory. */
class Bound {
  readonly slots = new Slots();
  readonly view: DataView;

  constructor(tables: readonly RemoteCall[][], arena = 0) {
    for (const table of tables) this.slots.measure(table);
    this.slots.reserveArena(arena);
    const memory = new Uint8Array(new ArrayBuffer(this.slots.size));
    this.view = new DataView(memory.buffer);
    this.slots.bind(memory, BASE);
    tables.forEach((table, slot) => this.slots.load(slot, table));
  }

  header(slot: number, field: number): bigint {
    return this.view.getBigInt64(this.slots.address(slot) - BASE + field, true);
  }

  entry(slot: number, index: number): number {
    return Number(this.header(slot, SLOT_TABLE)) - BASE + index * ENTRY_SIZE;
  }

  argument(slot: number, index: number, number: number): bigint {
    return this.view.getBigInt64(this.entry(slot, index) + ENTRY_ARGUMENTS + 8 * number, true);
  }

  bytes(address: bigint, length: number): Uint8Array {
    return new Uint8Array(this.view.buffer, Number(address) - BASE, length);
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("load() writes numbers, words, addresses of data, and addresses of slots", () => {
  const numbers = [3, -1, 0xffff_ffff, -0x1_0000_0001, 0x7fff_ffff_f000, 0xffff_ffff_ff60_0000];
  const words = [0xfedc_ba98_7654_3210n, -2n];
  const bound = new Bound([
    [call(1, cString("hello"), { slot: 1 }, ...words), call(2, ...numbers)],
    [call(3)],
  ]);
  equal(bound.header(0, SLOT_COUNT), 2n);
  equal(bound.view.getBigUint64(bound.entry(0, 0), true), 1n);
  equal(text(bound.bytes(bound.argument(0, 0, 0), 6)), "hello\0");
  equal(bound.argument(0, 0, 1), BigInt(bound.slots.address(1)));
  deepEqual([2, 3].map((i) => bound.argument(0, 0, i)), words.map((word) => BigInt.asIntN(64, word)));
  deepEqual(
    numbers.map((_, i) => bound.argument(0, 1, i)),
    numbers.map((number) => BigInt.asIntN(64, BigInt(number))),
  );
});

Deno.test("load() points set_tid of clone_args at the tid behind it, or at nothing", () => {
  const clone = (tid: number): RemoteCall => (
    call(435, { clone: { flags: 0x2_0000_2000n, exitSignal: 17, tid, cgroup: 9 } }, CLONE_ARGS_SIZE)
  );
  const bound = new Bound([[clone(77), clone(0)]]);
  // What was there before must not become part of it.
  bound.slots.load(0, [call(1, new Uint8Array(192).fill(0xff))]);
  bound.slots.load(0, [clone(77), clone(0)]);
  const read = (index: number) => {
    const args = Number(bound.argument(0, index, 0)) - BASE;
    const word = (offset: number) => bound.view.getBigUint64(args + offset, true);
    const tid = word(64) === 0n ? 0 : bound.view.getInt32(Number(word(64)) - BASE, true);
    deepEqual([8, 16, 24, 40, 48, 56].map(word), Array(6).fill(0n));
    return [word(0), word(32), word(72), word(80), tid];
  };
  deepEqual(read(0), [0x2_0000_2000n, 17n, 1n, 9n, 77]);
  deepEqual(read(1), [0x2_0000_2000n, 17n, 0n, 9n, 0]);
});

Deno.test("load() puts structures where their pointers point to", () => {
  const struct = new Uint8Array(20).fill(7);
  const bound = new Bound([[call(1, { struct, pointers: [[8, cString("one")], [0, cString("another")]] })]]);
  const at = bound.argument(0, 0, 0);
  const pointer = (offset: number) => bound.view.getBigUint64(Number(at) - BASE + offset, true);
  equal(text(bound.bytes(pointer(8), 4)), "one\0");
  equal(text(bound.bytes(pointer(0), 8)), "another\0");
  deepEqual([...bound.bytes(at + 16n, 4)], [7, 7, 7, 7]);
});

Deno.test("load() puts structures into structures", () => {
  const inner = { struct: new Uint8Array(16), pointers: [[0, cString("inner")]] } as const;
  const argument = { struct: new Uint8Array(24), pointers: [[16, inner], [8, cString("outer")]] } as const;
  const bound = new Bound([[call(1, argument, cString("next"))]]);
  const pointer = (address: bigint) => bound.view.getBigUint64(Number(address) - BASE, true);
  const at = bound.argument(0, 0, 0);
  equal(text(bound.bytes(pointer(pointer(at + 16n)), 6)), "inner\0");
  equal(text(bound.bytes(pointer(at + 8n), 6)), "outer\0");
  equal(text(bound.bytes(bound.argument(0, 0, 1), 5)), "next\0");
});

Deno.test("collect() copies what calls have written", () => {
  const [first, second] = [new Uint8Array(3), new Uint8Array(9)];
  const bound = new Bound([[call(1, { output: first }), call(2, 0, { output: second })]]);
  bound.bytes(bound.argument(0, 0, 0), 3).set([1, 2, 3]);
  bound.bytes(bound.argument(0, 1, 1), 9).fill(8);
  bound.slots.collect(0);
  deepEqual([...first, ...second], [1, 2, 3, ...Array(9).fill(8)]);
});

Deno.test("slots do not overlap, whatever their tables need", () => {
  const tables = [1, 9, 0, 30].map((n) => Array.from({ length: n }, () => call(1, cString("x".repeat(n)))));
  const bound = new Bound(tables);
  tables.forEach((table, slot) => {
    equal(bound.header(slot, SLOT_COUNT), BigInt(table.length));
    table.forEach((_, index) => {
      equal(bound.view.getBigUint64(bound.entry(slot, index), true), 1n);
      equal(text(bound.bytes(bound.argument(slot, index, 0), table.length)), "x".repeat(table.length));
    });
  });
  equal(bound.slots.size % 4096, 0);
});

Deno.test("select() and hold() change what the agent does next", () => {
  const bound = new Bound([[call(1), call(2), call(3)]]);
  bound.slots.select(0, 1, 2);
  deepEqual([SLOT_START, SLOT_EXECUTED, SLOT_COUNT].map((field) => bound.header(0, field)), [1n, 1n, 2n]);
  bound.slots.hold(0);
  equal(bound.header(0, SLOT_COUNT), BigInt(HOLD));
});

Deno.test("result() is a number, whatever a call returns", () => {
  const bound = new Bound([[call(1)]]);
  for (const result of [0, 77, -22, 0x7fff_ffff_f000]) {
    bound.view.setBigInt64(bound.entry(0, 0) + ENTRY_RESULT, BigInt(result), true);
    equal(bound.slots.result(0, 0), result);
  }
});

Deno.test("replace() writes one entry, and says where the next one's data may begin", () => {
  const bound = new Bound([[1, 2, 3].map((number) => call(number, cString("0123456789")))]);
  equal(bound.slots.replace(0, 1, { call: call(9, cString("abc"), 4), data: 16 }), 24);
  deepEqual([bound.view.getBigUint64(bound.entry(0, 1), true), bound.argument(0, 1, 1)], [9n, 4n]);
  equal(text(bound.bytes(bound.argument(0, 1, 0), 4)), "abc\0");
  deepEqual([0, 2].map((index) => bound.view.getBigUint64(bound.entry(0, index), true)), [1n, 3n]);
});

Deno.test("keepGoing() holds for one selection", () => {
  const bound = new Bound([[call(1)]]);
  bound.slots.keepGoing(0);
  equal(bound.header(0, SLOT_FLAGS), BigInt(FLAG_KEEP_GOING));
  bound.slots.select(0, 0, 1);
  equal(bound.header(0, SLOT_FLAGS), 0n);
});

Deno.test("the arena takes what a slot's own table cannot, until it is full, and is cleared", () => {
  const large = Array.from({ length: 20 }, () => call(5, cString("0123456789")));
  const bound = new Bound([[call(1)], [call(2)]], 2000);
  equal(bound.slots.hasRoom(0, large), true);
  bound.slots.load(0, large);
  equal(bound.view.getBigUint64(bound.entry(0, 19), true), 5n);
  equal(bound.header(1, SLOT_COUNT), 1n);
  bound.slots.load(1, large.slice(0, 10));
  bound.slots.clearArena();
  bound.slots.load(0, [call(6)]);
  equal(bound.view.getBigUint64(bound.entry(0, 0), true), 6n);
  const room = Array.from({ length: 100 }, () => call(7, cString("0123456789")));
  equal(bound.slots.hasRoom(1, room), false);
  throws(() => bound.slots.load(1, room), /no room/);
  const end = bound.slots.pieceEnd(room, 3);
  equal(bound.slots.hasRoom(1, room.slice(3, end)), true);
  equal(bound.slots.hasRoom(1, room.slice(3, end + 1)), false);
});
