import { deepEqual as assertEquals } from "node:assert/strict";
import { aNet, VETH_DEVICE } from "../../../../tests/support/net_contents.ts";
import { buildHost } from "../../../../tests/support/plan_inputs.ts";
import type { Problem } from "../../../errors.ts";
import type { NetNamespace } from "../../../model/namespaces.ts";
import type { TaskState } from "../../../model/task_state.ts";
import { planNestedNets } from "./plan_nested_nets.ts";

/** Task 1 is the root, and has made 2, which has made 3 and 4. */
function plan(nets: readonly NetNamespace[], homes: Readonly<Record<number, number>>) {
  const netNamespaces = new Map(Object.entries(homes).map(([pid, home]) => [Number(pid), home]));
  const problems: Problem[] = [];
  const keys: string[] = [];
  const tasks = new Map([1, 2, 3, 4].map((pid) => [pid, {} as TaskState]));
  const planned = planNestedNets(nets, {
    checkpoint: { namespaces: new Set(["net"]), strangers: new Map() },
    contents: { net: aNet(), nestedNets: nets, netNamespaces },
    host: buildHost({}),
    ...{ outerEnds: [{ inner: "eth0", name: "out" }], parents: [], joins: [] },
    held: { tasks, threads: new Map(), files: new Map(), segments: new Map() },
    programs: [{ pid: 1, maker: 0 }, { pid: 2, maker: 1 }, { pid: 3, maker: 2 }, { pid: 4, maker: 2 }],
    handle: (key) => keys.push(key) - 1,
    ...{ newPidNamespace: true, sharesDescriptors: false, outerState: [], rootIsSibling: false, entersLate: false },
    inherited: () => undefined,
    scratch: 0,
    mayLackSettings: false,
    ...{ problems, losses: [], notes: [] },
  });
  return { planned, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("planNestedNets() plans what each gets, and who enters which", () => {
  const { planned: { namespaces, homes, entries }, problems } = plan(
    [aNet(), aNet({ addresses: [] })],
    { 2: 1, 3: 2 },
  );
  assertEquals(problems, []);
  assertEquals(namespaces.map(({ handle, net, witness }) => [handle, net?.addresses.length, witness]), [
    [0, undefined, 1],
    [1, 2, 2],
    [2, 0, 3],
  ]);
  assertEquals([...homes], [[2, 1], [3, 2]]);
  assertEquals([...entries], [[2, 1], [3, 2], [4, 0]]);
});

Deno.test("planNestedNets() refuses what others would have to provide", () => {
  const { problems } = plan(
    [{ kind: "empty" }, { kind: "external", key: "a" }, aNet({ devices: [VETH_DEVICE], addresses: [] })],
    { 2: 1, 3: 2, 4: 3 },
  );
  assertEquals(problems, [
    "net namespace 2: it is left to others to set up, which only that of the root task can be",
    'net namespace 3: it is the external one "a", which only that of the root task can be',
    'net namespace 4: the veth device "eth0" is connected to a net namespace that no task is in, ' +
    "which only one of the root task's can be",
  ]);
});
