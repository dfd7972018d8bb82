import assert from "node:assert/strict";
import { buildHost, OWN_STATE } from "../../../../tests/support/plan_inputs.ts";
import type { TaskState } from "../../../model/task_state.ts";
import { outerState, withUserNamespace } from "./user_host.ts";

const USER = { uids: [], gids: [] };

function tasks(...states: readonly Partial<TaskState>[]): Map<number, TaskState> {
  return new Map(states.map((state, index) => [index, state as TaskState]));
}

Deno.test("outerState() has the tasks born with what they cannot set", async (t) => {
  const own = { ...OWN_STATE, oomScoreAdjustment: 0 };
  const lower = { key: "oomScoreAdjustment", file: "oom_score_adj", value: -20 };
  const none = { key: "loginUid", file: "loginuid", value: 0xffff_ffff };
  const rows = [
    ["as we are", own, tasks({ oomScoreAdjustment: 0 }, {}), []],
    ["higher", own, tasks({ oomScoreAdjustment: 7 }), []],
    ["lower", own, tasks({ oomScoreAdjustment: -10 }, { oomScoreAdjustment: -20 }), [lower]],
    ["the same login", { ...own, loginUid: 7 }, tasks({ loginUid: 7 }, {}), []],
    ["another login", { ...own, loginUid: 7 }, tasks({ loginUid: 8 }), [none]],
    ["no login", { ...own, loginUid: 0xffff_ffff }, tasks({ loginUid: 8 }), []],
  ] as const;
  for (const [name, host, states, want] of rows) {
    await t.step(name, () => assert.deepEqual(outerState(host, states.values()), want));
  }
});

Deno.test("withUserNamespace() knows with what tasks are born there", () => {
  const host = buildHost({ kernel: [6, 1] });
  assert.equal(withUserNamespace(host, { namespaces: {}, tasks: tasks() }), host);
  const { own } = withUserNamespace(host, { namespaces: { user: USER }, tasks: tasks({ oomScoreAdjustment: -7 }) });
  assert.deepEqual([own.uids, own.gids, own.groups], [[0, 0, 0, 0], [0, 0, 0, 0], []]);
  assert.deepEqual([own.permitted, own.inheritable], [2n ** 41n - 1n, 0n]);
  assert.equal(own.oomScoreAdjustment, -7);
  const older = withUserNamespace({ ...host, kernel: [5, 8] }, { namespaces: { user: USER }, tasks: tasks() });
  assert.equal(older.own.bounding & 1n << 40n, host.own.bounding & 1n << 40n);
});
