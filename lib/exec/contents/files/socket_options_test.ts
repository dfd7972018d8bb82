import { deepEqual as assertEquals } from "node:assert/strict";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { SYSCALLS_X86_64 } from "../../../tracee/syscalls_x86_64.ts";
import { filesContext } from "../../../../tests/support/compiled_calls.ts";
import { NEW_SOCKET_OPTIONS } from "../../../../tests/support/unix_sockets.ts";
import { compileReuse, compileSocketOptions } from "./socket_options.ts";

const PLAIN: SocketOptions = { ...NEW_SOCKET_OPTIONS, sendBuffer: 4608, receiveBuffer: 8192 };

/** Level, option, value in hexadecimal, and size. */
function render({ number, arguments: [fd, level, option, value, size] }: RemoteCall): string {
  assertEquals([number, fd], [SYSCALLS_X86_64.setsockopt, 7]);
  return `${level} ${option} ${value instanceof Uint8Array ? value.toHex() : JSON.stringify(value)} ${size}`;
}

const BUFFERS = ["1 32 00090000 4", "1 33 00100000 4"];

const ROWS: readonly (readonly [string, Partial<SocketOptions>, readonly string[]])[] = [
  ["only buffers, whose sizes the kernel doubles", {}, []],
  ["buffers that have not been chosen", { lockedBuffers: 0 }, ["1 72 00000000 4"]],
  ["numbers", { priority: 6, receiveLowWater: 9, mark: 0x1234 }, [
    "1 12 06000000 4",
    "1 18 09000000 4",
    "1 36 34120000 4",
  ]],
  ["switches", { passesCredentials: true, keepsAlive: true }, ["1 16 01000000 4", "1 9 01000000 4"]],
  ["lingering for no time", { linger: 0 }, ["1 13 0100000000000000 8"]],
  ["a timeout", { receiveTimeout: [1, 2] }, ["1 20 01000000000000000200000000000000 16"]],
  ["a device", { device: "lo" }, ["1 25 6c6f00 3"]],
  ["keep-alive of TCP", { keepAlive: { count: 1, idle: 2, interval: 3 } }, [
    "6 6 01000000 4",
    "6 4 02000000 4",
    "6 5 03000000 4",
  ]],
];

Deno.test("compileSocketOptions() sets what differs from a new socket", async (t) => {
  for (const [name, changes, expected] of ROWS) {
    await t.step(name, () => {
      const calls = compileSocketOptions(filesContext(), { fd: 7, what: "a socket" }, { ...PLAIN, ...changes });
      assertEquals(calls.map(render), [...BUFFERS, ...expected]);
    });
  }
});

Deno.test("compileSocketOptions() points to the instructions of a filter", () => {
  const filter = new Uint8Array(16).fill(6);
  const call = compileSocketOptions(filesContext(), { fd: 7, what: "a socket" }, { ...PLAIN, filter }).at(-1);
  const struct = new Uint8Array(16);
  struct[0] = 2;
  assertEquals(call?.arguments, [7, 1, 26, { struct, pointers: [[8, filter]] }, 16]);
});

Deno.test("compileReuse() leaves alone what is off", () => {
  const calls = compileReuse(filesContext(), { fd: 7, what: "a socket" }, { reusesAddress: true, reusesPort: false });
  assertEquals(calls.map(render), ["1 2 01000000 4"]);
});

Deno.test("compileSocketOptions() goes on without SO_BUF_LOCK, and tolerates nothing else", () => {
  const options = { ...PLAIN, lockedBuffers: 0, priority: 6 };
  const calls = compileSocketOptions(filesContext(), { fd: 7, what: "a socket" }, options);
  const tolerant = calls.filter(({ tolerated }) => tolerated !== undefined);
  assertEquals(tolerant.map((call) => [render(call), call.tolerated]), [["1 72 00000000 4", ["ENOPROTOOPT"]]]);
});
