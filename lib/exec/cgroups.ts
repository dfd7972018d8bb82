import { SysError } from "../errors.ts";
import { joinPath, relativePath } from "../model/cgroup_path.ts";
import { describeHierarchy, type HierarchyName } from "../model/hierarchy.ts";
import type { CgroupStep, MakeCgroup, SetPermissions, WriteProperty } from "../plan/plan.ts";
import { O_DIRECTORY, O_RDONLY, O_WRONLY } from "../sys/constants.ts";
import { readTextBeneath } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { Guard } from "./guard.ts";
import type { Journal } from "./journal.ts";
import { applyChange, type CgroupChange, encodeValue, undoProperty } from "./changes.ts";
import type { Yard } from "./yard.ts";

/** What the steps on cgroups work with. */
export interface CgroupContext {
  readonly sys: Sys;
  readonly yard: Yard;
  readonly journal: Journal;
  /** Told of every change before it is made, where there is one. */
  readonly guard: Guard | undefined;
  /** Told of failures that the plan tolerates. */
  readonly note: (text: string) => void;
}

/** Follows one step, and writes down how to undo it. */
export function executeCgroupStep(context: CgroupContext, step: CgroupStep): void {
  switch (step.kind) {
    case "make-cgroup":
      return makeCgroup(context, step);
    case "set-permissions":
      return setPermissions(context, step);
    case "write-property":
      return writeProperty(context, step);
  }
}

function makeCgroup({ sys, yard, journal, guard }: CgroupContext, step: MakeCgroup): void {
  const root = yard.root(step.hierarchy);
  const path = relativePath(step.path);
  const name = describeCgroup(step.hierarchy, step.path);
  const undo: CgroupChange = { kind: "remove", hierarchy: step.hierarchy, path: step.path };
  guard?.arm([undo]);
  explaining(`Cannot make the cgroup "${name}"`, { EEXIST: "it was made since the plan: run cgrestore again" }, () => {
    sys.mkdirat(root, path, 0o755);
  });
  journal.add(`the cgroup "${name}"`, () => applyChange(sys, yard, undo));
}

function setPermissions({ sys, yard, journal, guard }: CgroupContext, step: SetPermissions): void {
  const path = step.file === undefined ? step.path : joinPath(step.path, step.file);
  const name = describeCgroup(step.hierarchy, path);
  const fd = openExisting(sys, yard.root(step.hierarchy), relativePath(path), step.optional);
  if (fd === undefined) return;
  try {
    const before = sys.fstat(fd);
    if (before.uid === step.uid && before.gid === step.gid && (before.mode & 0o7777) === step.mode) return;
    const undo: CgroupChange = { kind: "permissions", hierarchy: step.hierarchy, path, to: before };
    guard?.arm([undo]);
    journal.add(`owner and mode of "${name}"`, () => applyChange(sys, yard, undo));
    explaining(`Cannot set owner and mode of "${name}"`, {}, () => {
      sys.fchown(fd, step.uid, step.gid);
      sys.fchmod(fd, step.mode & 0o7777);
    });
  } finally {
    sys.close(fd);
  }
}

/** Files that cannot be read are opened for writing: the mode of `cgroup.event_control` is 0200. */
function openExisting(sys: Sys, root: number, path: string, optional: boolean): number | undefined {
  try {
    return sys.openBeneath(root, path, O_RDONLY);
  } catch (error) {
    if (error instanceof SysError && error.code === "EACCES") return sys.openBeneath(root, path, O_WRONLY);
    if (optional && error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function writeProperty(context: CgroupContext, step: WriteProperty): void {
  const name = describeCgroup(step.hierarchy, joinPath(step.path, step.file));
  // A task in a frozen cgroup cannot even be killed (v1), so that has to be undone in any case.
  const before = step.inNewCgroup && !FREEZERS.has(step.file) ? undefined : readBefore(context, step);
  const undo = before === undefined ? [] : undoProperty(step, before);
  context.guard?.arm(undo);
  // Written down after the first write that worked: a refused one has changed nothing.
  const writeDown = (value: string) => {
    if (value !== step.writes[0] || undo.length === 0) return;
    context.journal.add(`"${name}"`, () => undo.forEach((change) => applyChange(context.sys, context.yard, change)));
  };
  for (const value of step.writes) {
    try {
      explaining(`Cannot write "${value}" to "${name}"`, WRITE_HINTS, () => writeCgroupFile(context, step, value));
    } catch (error) {
      // The write had worked when only the file could not be closed.
      if (error instanceof SysError && error.call === "close") writeDown(value);
      if (!(error instanceof SysError) || !step.tolerated.includes(error.code)) throw error;
      context.note(`${error.message}, ignored: it would have changed nothing`);
      continue;
    }
    writeDown(value);
  }
}

/** Files that stop the tasks of a cgroup. */
export const FREEZERS: ReadonlySet<string> = new Set(["freezer.state", "cgroup.freeze"]);

const WRITE_HINTS: Readonly<Record<string, string>> = {
  ENOENT: "this kernel lacks the file, or its controller is not enabled for the cgroup",
  EINVAL: "the kernel refuses this value here",
  EBUSY: "the cgroup has tasks or children that forbid it",
  EACCES: "a cgroup above does not allow as much",
  ENOSPC: "the cpuset has no cpus or no memory nodes",
};

function readBefore(context: CgroupContext, step: WriteProperty): string | undefined {
  const path = relativePath(joinPath(step.path, step.readFile ?? step.file));
  try {
    return readTextBeneath(context.sys, context.yard.root(step.hierarchy), path);
  } catch (error) {
    // A file that is not there will fail to be written as well, and say so with its value.
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function writeCgroupFile({ sys, yard }: CgroupContext, step: WriteProperty, value: string): void {
  const fd = sys.openBeneath(yard.root(step.hierarchy), relativePath(joinPath(step.path, step.file)), O_WRONLY);
  try {
    sys.write(fd, encodeValue(value));
  } finally {
    sys.close(fd);
  }
}

/** Opens a directory of a hierarchy. */
export function openCgroup(sys: Sys, yard: Yard, hierarchy: HierarchyName, path: string): number {
  return sys.openBeneath(yard.root(hierarchy), relativePath(path), O_RDONLY | O_DIRECTORY);
}

/** How a cgroup or a file in it is called in messages: `cpu:/job/cpu.shares`. */
export function describeCgroup(hierarchy: HierarchyName, path: string): string {
  return `${describeHierarchy(hierarchy)}:${path}`;
}

/** Tells a failed call as what it was for. */
function explaining(attempt: string, hints: Readonly<Record<string, string>>, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new SysError(error.call, error.code, attempt, hints[error.code], { cause: error });
  }
}
