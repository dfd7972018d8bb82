import { equal } from "node:assert/strict";
import type { CgroupStep, Plan, WriteProperty } from "../plan/plan.ts";
import { EMPTY_PLAN } from "../../tests/support/plan_inputs.ts";
import { needsGuard } from "./guard.ts";

const MAKE: CgroupStep = { kind: "make-cgroup", hierarchy: "x", path: "/a", reason: "test" };
const PERMIT: CgroupStep = {
  kind: "set-permissions",
  hierarchy: "x",
  path: "/a",
  mode: 0o755,
  uid: 0,
  gid: 0,
  optional: false,
};

function write(file: string, value: string, inNewCgroup: boolean): WriteProperty {
  return {
    kind: "write-property",
    hierarchy: "x",
    path: "/a",
    file,
    writes: [value],
    expected: value,
    inNewCgroup,
    tolerated: [],
    reason: "test",
  };
}

const ROWS: readonly (readonly [name: string, plan: Partial<Plan>, needed: boolean])[] = [
  ["nothing", {}, false],
  ["new cgroups only", { cgroups: [MAKE, PERMIT, write("pids.max", "5", true)] }, false],
  ["permissions of a cgroup that exists", { cgroups: [PERMIT] }, true],
  ["permissions of a cgroup of the same path elsewhere", { cgroups: [MAKE, { ...PERMIT, hierarchy: "y" }] }, true],
  ["a property of a cgroup that exists", { properties: [write("pids.max", "5", false)] }, true],
  ["a new v1 cgroup that is frozen", { freezes: [write("freezer.state", "FROZEN", true)] }, true],
  ["a new v1 cgroup that is thawed", { freezes: [write("freezer.state", "THAWED", true)] }, false],
  ["a new v2 cgroup that is frozen", { freezes: [write("cgroup.freeze", "1", true)] }, false],
  ["a task in a frozen cgroup", { lateMoves: [{ pid: 7, hierarchy: "freezer", path: "/a" }] }, true],
];

Deno.test("needsGuard() tells what would outlast a killed cgrestore:", async (t) => {
  for (const [name, plan, needed] of ROWS) {
    await t.step(name, () => equal(needsGuard({ ...EMPTY_PLAN, ...plan }), needed));
  }
});
