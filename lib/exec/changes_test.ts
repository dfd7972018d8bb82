import { deepEqual } from "node:assert/strict";
import type { WriteProperty } from "../plan/plan.ts";
import { undoProperty } from "./changes.ts";

interface Row {
  readonly name: string;
  readonly file: string;
  readonly writes: string[];
  readonly before: string;
  readonly undo: [path: string, value: string][];
}

const ROWS: readonly Row[] = [
  { name: "the old value", file: "cpu.shares", writes: ["5"], before: "1024\n", undo: [["/a/cpu.shares", "1024"]] },
  { name: "an empty value", file: "cpuset.cpus", writes: ["0"], before: "\n", undo: [["/a/cpuset.cpus", ""]] },
  {
    name: "controllers: only what the step has changed",
    file: "cgroup.subtree_control",
    writes: ["+cpu +pids", "-memory -io"],
    before: "cpu memory\n",
    undo: [["/a/cgroup.subtree_control", "-pids"], ["/a/cgroup.subtree_control", "+memory"]],
  },
  {
    name: "devices: the old rules, without those that were added",
    file: "devices.allow",
    writes: ["c 1:3 rwm", "c 1:5 r"],
    before: "c 1:3 rwm\nb 8:0 r\n",
    undo: [["/a/devices.deny", "c 1:5 r"], ["/a/devices.allow", "c 1:3 rwm"], ["/a/devices.allow", "b 8:0 r"]],
  },
  {
    name: "devices: all were allowed, all were denied",
    file: "devices.deny",
    writes: ["a"],
    before: "a *:* rwm\n",
    undo: [["/a/devices.allow", "a"]],
  },
  { name: "devices: nothing to allow", file: "devices.allow", writes: ["a"], before: "a *:* rwm\n", undo: [] },
  {
    name: "a freezer that is on its way",
    file: "freezer.state",
    writes: ["THAWED"],
    before: "FREEZING\n",
    undo: [["/a/freezer.state", "FROZEN"]],
  },
  {
    name: "a number among words",
    file: "memory.oom_control",
    writes: ["1"],
    before: "oom_kill_disable 0\nunder_oom 0\n",
    undo: [["/a/memory.oom_control", "0"]],
  },
  {
    name: "one write for each line",
    file: "io.max",
    writes: ["8:0 rbps=1"],
    before: "8:0 rbps=5\n8:16 rbps=7\n",
    undo: [["/a/io.max", "8:0 rbps=5"], ["/a/io.max", "8:16 rbps=7"]],
  },
];

Deno.test("undoProperty() puts back", async (t) => {
  for (const { name, file, writes, before, undo } of ROWS) {
    await t.step(name, () => {
      const step: WriteProperty = {
        kind: "write-property",
        hierarchy: "x",
        path: "/a",
        file,
        writes,
        expected: "",
        inNewCgroup: false,
        tolerated: [],
        reason: "test",
      };
      deepEqual(
        undoProperty(step, before).map((change) => change.kind === "write" ? [change.path, change.value] : change.kind),
        undo,
      );
    });
  }
});
