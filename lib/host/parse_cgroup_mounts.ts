import { parseMount } from "./parse_mounts.ts";

/** One mount of a cgroup file system. */
export interface CgroupMount {
  readonly version: 1 | 2;
  /** Which directory of the hierarchy is mounted: `/` for all of it. */
  readonly root: string;
  readonly mountPoint: string;
  /** Whether the mount or its superblock is read-only. */
  readonly readOnly: boolean;
  /** Options of the superblock, in the kernel's order, without `rw` and `ro`. */
  readonly superOptions: readonly string[];
}

const VERSIONS: ReadonlyMap<string, 1 | 2> = new Map([["cgroup", 1], ["cgroup2", 2]]);

/**
 * The cgroup mounts in the text of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), in its order.
 *
 * Lines of other file systems are passed over unread, and so are lines that do not have the documented form: a
 * hierarchy without a mount in sight is something that planning can deal with.
 */
export function parseCgroupMounts(text: string): CgroupMount[] {
  return text.split("\n").filter((line) => line.includes(" - cgroup")).flatMap(parseCgroupMount);
}

function parseCgroupMount(line: string): CgroupMount[] {
  const mount = parseMount(line);
  const version = VERSIONS.get(mount?.type ?? "");
  if (mount === undefined || version === undefined) return [];
  const { root, mountPoint, options, superOptions } = mount;
  return [{
    version,
    root,
    mountPoint,
    readOnly: options.includes("ro") || superOptions.includes("ro"),
    superOptions: superOptions.filter((option) => option !== "rw" && option !== "ro"),
  }];
}
