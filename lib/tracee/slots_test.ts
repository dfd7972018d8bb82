import { deepEqual, equal } from "node:assert/strict";
import { FLAG_KEEP_GOING, HOLD, SLOT_COUNT, SLOT_FLAGS, SLOT_START, SLOT_TABLE } from "./agent_layout.ts";
import { CLONE_ARGS_SIZE, cString, type RemoteCall } from "./remote_call.ts";
import { Slots } from "./slots.ts";

const BASE = 0x41000n;
const purpose = { call: "test", attempt: () => "Cannot test" };

function bound(tables: RemoteCall[][]): { slots: Slots; view: DataView; at: (slot: number) => number } {
  const slots = new Slots();
  for (const table of tables) slots.measure(table);
  const memory = new Uint8Array(new ArrayBuffer(slots.size));
  slots.bind(memory, BASE);
  tables.forEach((table, slot) => slots.load(slot, table));
  return { slots, view: new DataView(memory.buffer), at: (slot) => Number(slots.address(slot) - BASE) };
}

Deno.test("load() writes numbers, addresses of data, and addresses of slots", () => {
  const { slots, view, at } = bound([
    [{ number: 1, arguments: [3, cString("hello"), -1, { slot: 1 }], purpose }],
    [{ number: 2, arguments: [], purpose }],
  ]);
  const entry = at(0) + SLOT_TABLE;
  equal(view.getBigUint64(at(0) + SLOT_COUNT, true), 1n);
  equal(view.getBigUint64(entry, true), 1n);
  equal(view.getBigUint64(entry + 8, true), 3n);
  const text = Number(view.getBigUint64(entry + 16, true) - BASE);
  equal(new TextDecoder().decode(new Uint8Array(view.buffer, text, 6)), "hello\0");
  equal(view.getBigInt64(entry + 24, true), -1n);
  equal(view.getBigUint64(entry + 32, true), slots.address(1));
});

Deno.test("load() points set_tid of clone_args at the tid behind it, or at nothing", () => {
  const clone = (tid: number): RemoteCall => ({
    number: 435,
    arguments: [{ clone: { flags: 0x2_0000_2000n, exitSignal: 17, tid, cgroup: 9 } }, CLONE_ARGS_SIZE],
    purpose,
  });
  const { view, at } = bound([[clone(77), clone(0)]]);
  const read = (index: number) => {
    const args = Number(view.getBigUint64(at(0) + SLOT_TABLE + index * 64 + 8, true) - BASE);
    const word = (offset: number) => view.getBigUint64(args + offset, true);
    const tid = word(64) === 0n ? 0 : view.getInt32(Number(word(64) - BASE), true);
    return [word(0), word(32), word(72), word(80), tid];
  };
  deepEqual(read(0), [0x2_0000_2000n, 17n, 1n, 9n, 77]);
  deepEqual(read(1), [0x2_0000_2000n, 17n, 0n, 9n, 0]);
});

Deno.test("slots do not overlap, whatever their tables need", () => {
  const tables = [1, 9, 0, 30].map((n) => (
    Array.from({ length: n }, (): RemoteCall => ({ number: 1, arguments: [cString("x".repeat(n))], purpose }))
  ));
  const { slots, view, at } = bound(tables);
  tables.forEach((table, slot) => {
    equal(view.getBigUint64(at(slot) + SLOT_COUNT, true), BigInt(table.length));
    table.forEach((_, index) => equal(view.getBigUint64(at(slot) + SLOT_TABLE + index * 64, true), 1n));
  });
  equal(slots.size % 4096, 0);
});

Deno.test("select() and hold() change what the agent does next", () => {
  const { slots, view, at } = bound([[1, 2, 3].map((number): RemoteCall => ({ number, arguments: [], purpose }))]);
  slots.select(0, 1, 2);
  equal(view.getBigUint64(at(0) + SLOT_START, true), 1n);
  equal(view.getBigUint64(at(0) + SLOT_COUNT, true), 2n);
  slots.hold(0);
  equal(view.getBigInt64(at(0) + SLOT_COUNT, true), HOLD);
});

Deno.test("replace() writes one entry, and says where the next one's data may begin", () => {
  const table = [1, 2, 3].map((number): RemoteCall => ({ number, arguments: [cString("0123456789")], purpose }));
  const { slots, view, at } = bound([table]);
  const next = slots.replace(0, 1, { call: { number: 9, arguments: [cString("abc"), 4], purpose }, data: 16 });
  equal(next, 24);
  const entry = at(0) + SLOT_TABLE + 64;
  deepEqual([0, 16].map((offset) => view.getBigUint64(entry + offset, true)), [9n, 4n]);
  const text = Number(view.getBigUint64(entry + 8, true) - BASE);
  equal(new TextDecoder().decode(new Uint8Array(view.buffer, text, 4)), "abc\0");
  deepEqual([0, 128].map((offset) => view.getBigUint64(at(0) + SLOT_TABLE + offset, true)), [1n, 3n]);
});

Deno.test("keepGoing() holds for one selection", () => {
  const { slots, view, at } = bound([[{ number: 1, arguments: [], purpose }]]);
  slots.keepGoing(0);
  equal(view.getBigInt64(at(0) + SLOT_FLAGS, true), FLAG_KEEP_GOING);
  slots.select(0, 0, 1);
  equal(view.getBigInt64(at(0) + SLOT_FLAGS, true), 0n);
});
