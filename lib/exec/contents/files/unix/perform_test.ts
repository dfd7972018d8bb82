import { deepEqual as assertEquals } from "node:assert/strict";
import { filesContext, renderCall } from "../../../../../tests/support/compiled_calls.ts";
import type { Performer, UnixAction, UnixStep } from "../../../../plan/contents/files/unix/unix_step.ts";
import { compilePerformance, groupSteps } from "./perform.ts";

const FIRST: Performer = { pid: 7 };
const AS_SOMEBODY: Performer = {
  pid: 7,
  identity: { as: { uid: 1, gid: 1, groups: [] }, own: { uid: 0, gid: 0, groups: [] } },
};

function step(action: UnixAction, performer?: Performer): UnixStep {
  return { kind: "unix-socket", what: "a socket", action, ...performer === undefined ? {} : { performer } };
}

function pair(handle: number, performer?: Performer): UnixStep {
  return step({ kind: "pair", handles: [handle, handle + 1], type: 1 }, performer);
}

Deno.test("groupSteps() puts what one task does alike together", async (t) => {
  const listening = step({ kind: "listen", handle: 0, backlog: 5 }, FIRST);
  const connecting = step({ kind: "connect", handle: 0, to: { kind: "nobody" } }, FIRST);
  const rows: readonly (readonly [name: string, steps: readonly UnixStep[], sizes: readonly number[]])[] = [
    ["nothing", [], []],
    ["pairs of one", [pair(0, FIRST), pair(2, FIRST), pair(4, FIRST)], [3]],
    ["no more than there is room for", Array.from({ length: 5 }, (_, index) => pair(2 * index, FIRST)), [4, 1]],
    ["pairs of several", [pair(0, FIRST), pair(2, { pid: 8 }), pair(4, { pid: 8 })], [1, 2]],
    ["pairs of one as somebody else", [pair(0, FIRST), pair(2, AS_SOMEBODY)], [1, 1]],
    ["pairs of the coordinator", [pair(0), pair(2)], [1, 1]],
    ["listening of one", [pair(0, FIRST), listening, listening, pair(2, FIRST)], [1, 2, 1]],
    ["what is neither", [connecting, connecting], [1, 1]],
  ];
  for (const [name, steps, sizes] of rows) {
    await t.step(name, () => {
      const groups = [...groupSteps({ base: 9 }, steps)];
      assertEquals(groups.map((group) => group.length), sizes);
      assertEquals(groups.flat(), steps);
    });
  }
});

Deno.test("compilePerformance() has a task make pairs, and the coordinator take them", () => {
  const performance = compilePerformance(filesContext(), [pair(0, FIRST), pair(2, FIRST)], (pid) => pid + 1000);
  assertEquals(performance?.pid, 7);
  assertEquals(performance?.first.map(renderCall), ["socketpair 1 2049 0 [8]", "socketpair 1 2049 0 [8]"]);
  assertEquals(performance?.coordinator.map(renderCall), [
    "pidfd_open 1007 0 = 0",
    ...[0, 1, 2, 3].flatMap((fd) => [`pidfd_getfd 0 ${fd} 0 = 1`, `dup3 1 ${101 + fd} 0`, "close 1"]),
    "close 0",
  ]);
  assertEquals(performance?.last.map(renderCall), ["close 0", "close 1", "close 2", "close 3"]);
});

Deno.test("compilePerformance() has a task listen at several sockets", () => {
  const steps = [3, 4].map((handle) => step({ kind: "listen", handle, backlog: handle }, FIRST)) as [
    UnixStep,
    UnixStep,
  ];
  const performance = compilePerformance(filesContext(), steps, (pid) => pid);
  assertEquals(performance?.first.map(renderCall), [
    ...["pidfd_getfd 100 104 0 = 0", "pidfd_getfd 100 105 0 = 1", "listen 0 3", "listen 1 4", "close 0", "close 1"],
  ]);
  assertEquals([performance?.coordinator, performance?.last], [[], []]);
});
