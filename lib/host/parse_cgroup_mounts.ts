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
export function parseMountinfo(text: string): CgroupMount[] {
  return text.split("\n").filter((line) => line.includes(" - cgroup")).flatMap(parseLine);
}

function parseLine(line: string): CgroupMount[] {
  const separator = line.indexOf(" - ");
  const [, , , root, mountPoint, options] = line.slice(0, separator).split(" ");
  const [type, , superOptions] = line.slice(separator + 3).split(" ");
  const version = VERSIONS.get(type ?? "");
  if (root === undefined || mountPoint === undefined || options === undefined || superOptions === undefined) return [];
  if (version === undefined) return [];
  const supers = superOptions.split(",").map(unescapeOctal);
  return [{
    version,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    readOnly: options.split(",").includes("ro") || supers.includes("ro"),
    superOptions: supers.filter((option) => option !== "rw" && option !== "ro"),
  }];
}

/** The kernel writes space, tab, newline and backslash as three octal digits (fs/proc_namespace.c: `mangle`). */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}
