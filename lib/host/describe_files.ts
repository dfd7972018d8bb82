import { SysError } from "../errors.ts";
import { O_PATH, S_IFMT, S_IFSOCK } from "../sys/constants.ts";
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
    const { mode, size, device } = status;
    const buildId = wantsBuildId ? describeBuildId(sys, path) : undefined;
    const answer = (mode & S_IFMT) === S_IFSOCK ? describeAnswer(sys, path) : undefined;
    found.set(path, {
      mode,
      size,
      device,
      ...buildId === undefined ? {} : { buildId },
      ...answer === undefined ? {} : { answer },
    });
  }
  return found;
}

/** What trying to connect to a unix socket with one for datagrams says about it; that leaves no trace on it. */
const ANSWERS: ReadonlyMap<string, HostFile["answer"]> = new Map([
  ["ECONNREFUSED", "none"],
  ["EPROTOTYPE", "other"],
  // It is connected to another one.
  ["EPERM", "datagram"],
]);

function describeAnswer(sys: Sys, path: string): HostFile["answer"] {
  try {
    const fd = sys.open(path, O_PATH);
    try {
      // The path itself may be longer than a name of a socket can be.
      sys.connectDatagram(`/proc/self/fd/${fd}`);
      return "datagram";
    } finally {
      sys.close(fd);
    }
  } catch (error) {
    if (error instanceof SysError) return ANSWERS.get(error.code);
    throw error;
  }
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
