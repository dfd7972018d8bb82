import { type Problem, SysError } from "../errors.ts";
import { joinPath, relativePath } from "../model/cgroup_path.ts";
import { describeHierarchy, type HierarchyName } from "../model/hierarchy.ts";
import type { CgroupStep, SetPermissions, WriteProperty } from "../plan/plan.ts";
import { O_PATH } from "../sys/constants.ts";
import { readTextBeneath } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { compareProperty } from "./compare_property.ts";

/** The open root directory of a hierarchy. */
export type HierarchyRoot = (hierarchy: HierarchyName) => number;

/**
 * Reads every cgroup, owner, mode and property that `steps` were to make, and tells the differences.
 *
 * @param skipped whether a step's failure was tolerated, so that there is nothing to compare
 */
export function verifyCgroups(
  sys: Sys,
  steps: readonly CgroupStep[],
  options: { readonly root: HierarchyRoot; readonly skipped: (step: CgroupStep) => boolean },
): Problem[] {
  const last = lastWrites(steps);
  return steps.flatMap((step) => {
    if (options.skipped(step)) return [];
    const found = differences(sys, options.root, step, last);
    return found === undefined
      ? []
      : [{ where: `${describeHierarchy(step.hierarchy)}:${objectOf(step)}`, what: found }];
  });
}

/** A file that is written twice (a cpuset filled first) holds what came last. */
function lastWrites(steps: readonly CgroupStep[]): ReadonlyMap<string, CgroupStep> {
  const last = new Map<string, CgroupStep>();
  for (const step of steps) if (step.kind === "write-property") last.set(fileKey(step), step);
  return last;
}

function fileKey(step: WriteProperty): string {
  return `${step.hierarchy}:${joinPath(step.path, step.readFile ?? step.file)}`;
}

function objectOf(step: CgroupStep): string {
  if (step.kind === "write-property") return joinPath(step.path, step.readFile ?? step.file);
  return step.kind === "set-permissions" && step.file !== undefined ? joinPath(step.path, step.file) : step.path;
}

function differences(
  sys: Sys,
  root: HierarchyRoot,
  step: CgroupStep,
  last: ReadonlyMap<string, CgroupStep>,
): string | undefined {
  try {
    switch (step.kind) {
      case "make-cgroup":
        return sys.close(sys.openBeneath(root(step.hierarchy), relativePath(step.path), O_PATH)) ?? undefined;
      case "set-permissions":
        return comparePermissions(sys, root(step.hierarchy), step);
      case "write-property":
        return last.get(fileKey(step)) === step ? compareValue(sys, root(step.hierarchy), step) : undefined;
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (step.kind === "set-permissions" && step.optional && error.code === "ENOENT") return undefined;
    return `cannot be read again: ${error.code}`;
  }
}

function comparePermissions(sys: Sys, root: number, step: SetPermissions): string | undefined {
  const fd = sys.openBeneath(root, relativePath(objectOf(step)), O_PATH);
  try {
    const { mode, uid, gid } = sys.fstat(fd);
    const actual = `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
    const expected = `${step.uid}:${step.gid} ${step.mode.toString(8)}`;
    return actual === expected ? undefined : `owner and mode are ${actual}, and should be ${expected}`;
  } finally {
    sys.close(fd);
  }
}

function compareValue(sys: Sys, root: number, step: WriteProperty): string | undefined {
  const file = step.readFile ?? step.file;
  const actual = readTextBeneath(sys, root, relativePath(objectOf(step))).replace(/\n$/, "");
  if (compareProperty(file, step.expected, actual)) return undefined;
  return `is ${JSON.stringify(actual)}, and should be ${JSON.stringify(step.expected)}`;
}
