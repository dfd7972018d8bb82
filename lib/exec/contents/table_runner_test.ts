import assert from "node:assert/strict";
import type { Sys } from "../../sys/sys.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Slots } from "../../tracee/slots.ts";
import { SYSCALLS_X86_64 } from "../../tracee/syscalls_x86_64.ts";
import type { Tracee, TraceeContext } from "../../tracee/tracee.ts";
import { remoteCall } from "./remote.ts";
import { TableRunner } from "./table_runner.ts";

function aCall(byte: number, isOurs?: true): RemoteCall {
  const args = [7, 1, Uint8Array.of(byte)];
  return remoteCall({ numbers: SYSCALLS_X86_64 }, "ioctl", args, { attempt: "Cannot do it", isOurs });
}

/** Who makes the bytes of which calls, where tables have room for two. */
function run(calls: readonly RemoteCall[]): string[] {
  const log: string[] = [];
  const bytesOf = (some: readonly RemoteCall[]) => some.map(({ arguments: [, , data] }) => String(data)).join(" ");
  const sys: Partial<Sys> = {
    ...{ pidfdOpen: () => 3, pidfdGetfd: () => 4, close: () => {} },
    ioctl: (_fd, _request, data) => log.push(`we ${data}`),
  };
  const slots: Partial<Slots> = { clearArena: () => {}, pieceEnd: (all, start) => Math.min(all.length, start + 2) };
  const tracee: Partial<Tracee> = {
    pid: 77,
    start: (piece) => void log.push(`task ${bytesOf(piece)}`),
    finish: () => {},
  };
  const runner = new TableRunner({
    context: { sys, slots } as TraceeContext,
    traceeOf: () => tracee as Tracee,
    checkpoint: () => {},
    rootOf: () => "/",
  });
  runner.runInPieces(tracee as Tracee, calls);
  return log;
}

Deno.test("runInPieces() has each call made by whom it is for, one after the other", async (t) => {
  const rows: readonly (readonly [name: string, calls: readonly RemoteCall[], want: readonly string[]])[] = [
    ["nothing", [], []],
    ["those of the task, in pieces", [aCall(1), aCall(2), aCall(3)], ["task 1 2", "task 3"]],
    ["ours alone", [aCall(1, true), aCall(2, true), aCall(3, true)], ["we 1", "we 2", "we 3"]],
    ["ours in between", [aCall(1), aCall(2, true), aCall(3)], ["task 1", "we 2", "task 3"]],
    ["ours first and last", [aCall(1, true), aCall(2), aCall(3), aCall(4, true)], ["we 1", "task 2 3", "we 4"]],
  ];
  for (const [name, calls, want] of rows) {
    await t.step(name, () => assert.deepEqual(run(calls), want));
  }
});
