import { deepEqual as assertEquals } from "node:assert/strict";
import { memorySys } from "../../tests/support/memory_sys.ts";
import type { Plan } from "../plan/plan.ts";
import { verifyTasks } from "./verify_tasks.ts";

const PID = 77;
const COORDINATOR = 50;

/** What is told of a task in the cgroup `/job` of cpu and at the root of a named hierarchy, where /proc says that. */
function verify(cgroup: string, pids: { readonly joined?: string; readonly found?: string } = {}) {
  const stat = `${PID} (job) S ${COORDINATOR} ${PID} ${PID} ${"0 ".repeat(46)}`;
  const texts = Object.entries({ stat, cgroup }).map((
    [name, text],
  ): [string, Uint8Array] => [name, new TextEncoder().encode(text)]);
  const sys = Object.assign(memorySys(new Map(texts)), {
    getpid: () => COORDINATOR,
    readLink: (path: string) => path === `/proc/${PID}/ns/pid` ? pids.found : undefined,
  });
  const root = { pid: PID, parent: 0, group: PID, session: PID, state: "alive", exitStatus: 0, stopSignal: 0 };
  const plan = {
    rootIsSibling: false,
    ...pids.joined === undefined ? {} : { joinedPidNamespace: { link: pids.joined } },
    places: [{ members: [{ hierarchy: "cpu", path: "/job" }, { hierarchy: "name=jobs", path: "/" }] }],
    expectedTasks: [{ ...root, comm: "job", place: 0, threads: [] }],
  } as unknown as Plan;
  return verifyTasks({ sys, hostPid: (id) => id }, plan).map(({ where, what }) => `${where}: ${what}`);
}

const ROWS: readonly [name: string, cgroup: string, differences: readonly string[]][] = [
  ["where it should be", "2:cpu:/job\n1:name=jobs:/\n", []],
  ["elsewhere", "2:cpu:/\n1:name=jobs:/\n", [
    `task ${PID} "job": its cgroup in cpu is "/", and should be "/job"`,
  ]],
  ["in a hierarchy that is gone", "1:name=jobs:/\n", [
    `task ${PID} "job": its cgroup in cpu is "none", and should be "/job"`,
  ]],
  ["at the root of a hierarchy that has been removed meanwhile", "2:cpu:/job\n", []],
];

Deno.test("verifyTasks() tells of a task that is", async (t) => {
  for (const [name, cgroup, differences] of ROWS) await t.step(name, () => assertEquals(verify(cgroup), differences));
});

Deno.test("verifyTasks() tells of tasks in another pid namespace", () => {
  const [, cgroup] = ROWS[0]!;
  assertEquals(verify(cgroup, { joined: "pid:[7]", found: "pid:[7]" }), []);
  assertEquals(verify(cgroup, { joined: "pid:[7]", found: "pid:[8]" }), [
    `task ${PID} "job": its pid namespace is "pid:[8]", and should be "pid:[7]"`,
  ]);
});
