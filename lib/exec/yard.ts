import { SysError } from "../errors.ts";
import { parseProcCgroup } from "../host/parse_proc_cgroup.ts";
import { describeHierarchy, type HierarchyName, isNamed, UNIFIED } from "../model/hierarchy.ts";
import type { OpenHierarchy } from "../plan/plan.ts";
import {
  CGROUP2_SUPER_MAGIC,
  CGROUP_SUPER_MAGIC,
  CLONE_NEWNS,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_REC,
  O_DIRECTORY,
  O_RDONLY,
} from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { forEachAlways } from "../for_each_always.ts";

/** The open root directory of every hierarchy that a plan needs. Closing them is all there is to clean up. */
export class Yard {
  readonly #roots = new Map<HierarchyName, number>();

  constructor(readonly sys: Sys) {}

  add(hierarchy: HierarchyName, fd: number): void {
    this.#roots.set(hierarchy, fd);
  }

  /** The root directory of a hierarchy. */
  root(hierarchy: HierarchyName): number {
    const fd = this.#roots.get(hierarchy);
    if (fd === undefined) {
      throw new RangeError(`Cannot use hierarchy "${describeHierarchy(hierarchy)}": the yard does not have it`);
    }
    return fd;
  }

  /** Every root directory. */
  get descriptors(): number[] {
    return [...this.#roots.values()];
  }

  close(): void {
    const fds = this.descriptors;
    this.#roots.clear();
    forEachAlways(fds, (fd) => this.sys.close(fd));
  }
}

/**
 * Makes a yard: a tmpfs with a directory for each hierarchy and that hierarchy mounted on it; opens the directories,
 * and takes the yard away again. The descriptors keep the mounts alive.
 *
 * All of it happens in a mount namespace of this thread's own, which it leaves at the end: other processes never see
 * the yard, and nothing of it is left when cgrestore is killed in the middle. Needs CAP_SYS_ADMIN.
 */
export function openYard(sys: Sys, hierarchies: readonly OpenHierarchy[]): Yard {
  const yard = new Yard(sys);
  if (hierarchies.length === 0) return yard;
  try {
    inOwnMountNamespace(sys, () => buildYard(sys, hierarchies, yard));
    return yard;
  } catch (error) {
    yard.close();
    throw error;
  }
}

function inOwnMountNamespace(sys: Sys, action: () => void): void {
  const home = sys.open("/proc/self/ns/mnt", O_RDONLY);
  try {
    const workingDirectory = sys.open(".", O_RDONLY | O_DIRECTORY);
    try {
      sys.unshare(CLONE_NEWNS);
      try {
        action();
      } finally {
        sys.setns(home, CLONE_NEWNS);
        sys.fchdir(workingDirectory);
      }
    } finally {
      sys.close(workingDirectory);
    }
  } finally {
    sys.close(home);
  }
}

/** The directory that the yard's tmpfs covers, in our own mount namespace only; it exists on every Linux. */
const COVERED = "/proc";

function buildYard(sys: Sys, hierarchies: readonly OpenHierarchy[], yard: Yard): void {
  sys.mount("none", "/", "", MS_REC | MS_PRIVATE, "");
  sys.mount("cgyard", COVERED, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
  try {
    const top = sys.mkdtemp(`${COVERED}/.cgyard.XXXXXX`);
    const directory = sys.open(top, O_RDONLY | O_DIRECTORY);
    try {
      for (const step of hierarchies) {
        const name = yardName(step.hierarchy);
        sys.mkdirat(directory, name, 0o700);
        yard.add(step.hierarchy, openMounted(sys, step, `${top}/${name}`));
      }
    } finally {
      sys.close(directory);
    }
  } finally {
    sys.umount2(COVERED, MNT_DETACH);
  }
}

function openMounted(sys: Sys, step: OpenHierarchy, target: string): number {
  if (step.method === "bind") sys.mount(step.source, target, "", MS_BIND, "");
  else sys.mount("none", target, step.source, MS_NOSUID | MS_NODEV | MS_NOEXEC, step.options);
  return openHierarchyRoot(sys, step.hierarchy, target);
}

/** Opens a directory that must be the root of a cgroup file system of the right version. */
function openHierarchyRoot(sys: Sys, hierarchy: HierarchyName, path: string): number {
  const fd = sys.open(path, O_RDONLY | O_DIRECTORY);
  const magic = hierarchy === UNIFIED ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC;
  let isRight = false;
  try {
    isRight = sys.fileSystemType(fd) === magic;
  } finally {
    if (!isRight) sys.close(fd);
  }
  if (isRight) return fd;
  throw new SysError(
    "fstatfs",
    "EINVAL",
    `Cannot use "${path}" as the hierarchy "${describeHierarchy(hierarchy)}"`,
    "another file system is mounted there",
  );
}

/** How often a hierarchy is asked to end, and how long it may take each time: the kernel ends it in its own time. */
const END_ATTEMPTS = 40;
const END_LOOKS = 25;
const END_PAUSE_MS = 10;

/**
 * Ends the hierarchies that mounting has made, once the yard is closed and their cgroups are removed.
 *
 * A hierarchy ends with its last mount only when it has no cgroups, and a removed one counts for some milliseconds more
 * (cgroup_kill_sb of kernel/cgroup/cgroup.c): then it takes another mount to end it.
 *
 * @throws {SysError} EBUSY when one does not end, because somebody else uses it
 */
export function endNewHierarchies(sys: Sys, hierarchies: readonly OpenHierarchy[]): void {
  const made = hierarchies.filter(({ isNew }) => isNew);
  if (made.length === 0) return;
  for (let attempt = 0; attempt < END_ATTEMPTS; attempt++) {
    const left = waitForEnd(sys, made);
    if (left.length === 0) return;
    openYard(sys, left).close();
  }
  const names = made.map(({ hierarchy }) => `"${describeHierarchy(hierarchy)}"`).join(", ");
  throw new SysError("umount2", "EBUSY", `Cannot end the new hierarchy ${names}`, "somebody else uses it");
}

/** Those of `made` that are still there after some time. */
function waitForEnd(sys: Sys, made: readonly OpenHierarchy[]): OpenHierarchy[] {
  for (let look = 0;; look++) {
    const existing = new Set(parseProcCgroup(readText(sys, "/proc/self/cgroup")).map(({ hierarchy }) => hierarchy));
    const left = made.filter(({ hierarchy }) => existing.has(hierarchy));
    if (left.length === 0 || look === END_LOOKS) return left;
    sys.sleep(END_PAUSE_MS);
  }
}

/**
 * Uses a yard that the caller has prepared (`--cgroup-yard`), in CRIU's layout: one directory for each hierarchy,
 * named by `yardName`. Needs no privilege to mount.
 */
export function openPreparedYard(sys: Sys, directory: string, hierarchies: readonly OpenHierarchy[]): Yard {
  const yard = new Yard(sys);
  try {
    for (const { hierarchy } of hierarchies) {
      yard.add(hierarchy, openHierarchyRoot(sys, hierarchy, `${directory}/${yardName(hierarchy)}`));
    }
    return yard;
  } catch (error) {
    yard.close();
    throw error;
  }
}

/** Directory of a hierarchy in a yard: `unified`, `cpu,cpuacct`, and `systemd` for `name=systemd` (criu/cgroup.c). */
export function yardName(hierarchy: HierarchyName): string {
  if (hierarchy === UNIFIED) return "unified";
  return isNamed(hierarchy) ? hierarchy.slice("name=".length) : hierarchy;
}
