import { SysError } from "../errors.ts";
import { readBeginning } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { orUndefined } from "./describe_cgroups.ts";
import type { HostFile } from "./host.ts";
import { parseBuildId } from "./parse_build_id.ts";

/** What a path that leads nowhere answers. */
const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

/** Those of the files that exist, by path; `wanted` says for each whether its build id matters. */
export function describeFiles(sys: Sys, wanted: ReadonlyMap<string, boolean>): Map<string, HostFile> {
  const found = new Map<string, HostFile>();
  for (const [path, wantsBuildId] of wanted) {
    const status = orUndefined(ABSENT, () => sys.stat(path));
    if (status === undefined) continue;
    const buildId = wantsBuildId ? describeBuildId(sys, path) : undefined;
    const { mode, size, device } = status;
    found.set(path, { mode, size, device, ...buildId === undefined ? {} : { buildId } });
  }
  return found;
}

function describeBuildId(sys: Sys, path: string): string | undefined {
  try {
    return parseBuildId(readBeginning(sys, path).bytes);
  } catch (error) {
    // Who may not read a file can still plan; restoring it will tell.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}
