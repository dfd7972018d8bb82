import type { HierarchyName } from "../model/hierarchy.ts";

/** Where a task is in one hierarchy. */
export interface Membership {
  readonly hierarchy: HierarchyName;
  readonly path: string;
}

/**
 * The text of `/proc/PID/cgroup` (cgroups(7)), in its order; lines of another form are passed over.
 *
 * Paths are as the kernel tells them: below the reader's cgroup namespace (`/../x` when outside of it), and with
 * " (deleted)" at the end when the cgroup is gone.
 */
export function parseProcCgroup(text: string): Membership[] {
  return text.split("\n").flatMap((line) => {
    // Names of hierarchies have no colon, paths may.
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    return match === null ? [] : [{ hierarchy: match[1] ?? "", path: match[2] ?? "" }];
  });
}
