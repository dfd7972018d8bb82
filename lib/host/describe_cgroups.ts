import { orUndefined } from "../errors.ts";
import { ancestorsOf, relativePath } from "../model/cgroup_path.ts";
import { O_DIRECTORY, O_PATH } from "../sys/constants.ts";
import { readTextBeneath } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { Hierarchy, HostCgroup } from "./host.ts";

/** The files whose contents a plan depends on. */
const FILES: Readonly<Record<1 | 2, readonly string[]>> = {
  1: ["cpuset.cpus", "cpuset.mems", "freezer.state", "pids.max", "pids.current"],
  2: [
    "cgroup.controllers",
    "cgroup.subtree_control",
    "cgroup.type",
    "cgroup.freeze",
    "cgroup.events",
    "pids.max",
    "pids.current",
  ],
};

/**
 * Those cgroups of one hierarchy that exist, among `paths` and their ancestors; by path, parents first.
 *
 * @param root descriptor of the hierarchy's root directory; it stays open
 * @throws {SysError} when a directory exists but may not be looked at (EACCES)
 */
export function describeCgroups(
  sys: Sys,
  root: number,
  hierarchy: Pick<Hierarchy, "name" | "version">,
  paths: readonly string[],
): Map<string, HostCgroup> {
  const wanted = new Set(paths.flatMap((path) => [...ancestorsOf(path), path]));
  const found = new Map<string, HostCgroup>();
  const files = filesIn(hierarchy);
  for (const path of [...wanted].sort()) {
    const cgroup = describeCgroup(sys, root, files, path);
    if (cgroup !== undefined) found.set(path, cgroup);
  }
  return found;
}

/** In v1, the name tells the controllers, and so which files there can be. */
function filesIn({ name, version }: Pick<Hierarchy, "name" | "version">): readonly string[] {
  const controllers = name.split(",");
  return version === 2 ? FILES[2] : FILES[1].filter((file) => controllers.includes(file.replace(/\..*/, "")));
}

function describeCgroup(sys: Sys, root: number, files: readonly string[], path: string): HostCgroup | undefined {
  const fd = orUndefined(["ENOENT"], () => sys.openBeneath(root, relativePath(path), O_PATH | O_DIRECTORY));
  if (fd === undefined) return undefined;
  try {
    const { mode, uid, gid } = sys.fstat(fd);
    const values = new Map<string, string>();
    for (const file of files) {
      // ENODEV: the cgroup was removed meanwhile; EOPNOTSUPP: the file says nothing in a threaded cgroup.
      const text = orUndefined(
        ["ENOENT", "EACCES", "ENODEV", "EOPNOTSUPP"],
        () => readTextBeneath(sys, fd, file),
      );
      if (text !== undefined) values.set(file, text.replace(/\n$/, ""));
    }
    return { mode: mode & 0o7777, uid, gid, values };
  } finally {
    sys.close(fd);
  }
}
