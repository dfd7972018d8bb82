/** What the fake kernel looks like at one moment, to compare it with another. */

import type { FakeKernel } from "./fake_kernel.ts";
import { MemoryDirectory } from "./fake_nodes.ts";

/** Everything that a restore may change, one fact to a line: what, and how it is. */
export type Ledger = ReadonlyMap<string, string>;

/** Describes all state of the kernel that outlives a call. */
export function describeKernel(kernel: FakeKernel): Ledger {
  const ledger = new Map<string, string>();
  const { self } = kernel;
  for (const [number, task] of kernel.tasks) {
    const places = [...kernel.hierarchies.values()].map((h) => `${h.name || "cgroup2"}:${h.cgroupOf(task).path}`);
    ledger.set(`task ${number}`, `${task.comm} ${task.state} ${places.join(" ")}`);
  }
  for (const hierarchy of kernel.hierarchies.values()) {
    const name = hierarchy.name || "cgroup2";
    ledger.set(`hierarchy ${name}`, "exists");
    for (const cgroup of hierarchy.all()) {
      ledger.set(`cgroup ${name}:${cgroup.path}`, describePermissions(cgroup));
      ledger.set(`enabled ${name}:${cgroup.path}`, [...cgroup.enabled].sort().join(" "));
      ledger.set(`type ${name}:${cgroup.path}`, cgroup.isThreaded ? "threaded" : "domain");
      for (const [file, node] of cgroup.files) {
        ledger.set(`file ${name}:${cgroup.path} ${file}`, `${describePermissions(node)} ${JSON.stringify(node.value)}`);
      }
    }
  }
  kernel.home.mounts.forEach(({ target, type }, index) => ledger.set(`mount ${index}`, `${type} on ${target}`));
  for (const [fd, { file, closeOnExec }] of self.descriptors) {
    ledger.set(`descriptor ${fd}`, `${file.path}${closeOnExec ? "" : " (inherited)"}`);
  }
  ledger.set("mount namespace", self.mounts === kernel.home ? "home" : "another");
  ledger.set("working directory", kernel.workingDirectory);
  ledger.set("shared memories", String(kernel.mapped.size));
  ledger.set("subreaper", String(self.isSubreaper));
  ledger.set("umask", self.umask.toString(8));
  describeFiles(kernel.files, "", ledger);
  return ledger;
}

/** The differences between two ledgers, one to a line. */
export function compareLedgers(before: Ledger, after: Ledger): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key)).map((key) => (
    `${key}: ${after.get(key) ?? "gone"}, was ${before.get(key) ?? "not there"}`
  ));
}

function describePermissions({ uid, gid, mode }: { uid: number; gid: number; mode: number }): string {
  return `${uid}:${gid} ${mode.toString(8)}`;
}

function describeFiles(directory: MemoryDirectory, path: string, ledger: Map<string, string>): void {
  for (const [name, node] of directory.children) {
    ledger.set(`path ${path}/${name}`, describePermissions(node));
    if (node instanceof MemoryDirectory) describeFiles(node, `${path}/${name}`, ledger);
  }
}
