import { describeHierarchy, type HierarchyName } from "../model/hierarchy.ts";
import type { CgroupStep, SetPermissions, WriteProperty } from "../plan/plan.ts";
import { printable, printableValue } from "./printable.ts";
import type { Style } from "./style.ts";

/** A cgroup as one word: `cpu,cpuacct:/job`. */
export function describePlace(hierarchy: HierarchyName, path: string): string {
  return printable(`${describeHierarchy(hierarchy)}:${path}`);
}

/** Steps under the directory they concern, in their order; a directory comes again when others lay between. */
export function renderCgroupSteps(steps: readonly CgroupStep[], style: Style): string[] {
  const lines: string[] = [];
  let current: string | undefined;
  for (const step of steps) {
    const place = describePlace(step.hierarchy, step.path);
    const isMade = step.kind === "make-cgroup";
    if (isMade || place !== current) {
      lines.push(`  ${style.bold(place)}${isMade ? `  new (${printable(step.reason)})` : ""}`);
    }
    current = place;
    if (step.kind !== "make-cgroup") lines.push(`    ${renderStep(step)}`);
  }
  return lines;
}

function renderStep(step: SetPermissions | WriteProperty): string {
  if (step.kind === "set-permissions") {
    const file = step.file === undefined ? "" : `${printable(step.file)}: `;
    return `${file}${describePermissions(step)}${step.optional ? ", if it exists" : ""}`;
  }
  const values = step.writes.map(printableValue).join(", then ");
  return `${printable(step.file)} = ${values}  (${printable(step.reason)})`;
}

/** Mode and owner: `mode 0755, owner 0:0`. */
export function describePermissions(permissions: { mode: number; uid: number; gid: number }): string {
  return `mode 0${permissions.mode.toString(8)}, owner ${permissions.uid}:${permissions.gid}`;
}
