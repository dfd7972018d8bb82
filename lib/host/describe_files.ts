import { orUndefined, SysError } from "../errors.ts";
import { O_PATH, S_IFLNK, S_IFMT, S_IFSOCK } from "../sys/constants.ts";
import { readBeginning } from "../sys/files.ts";
import type { FileStatus, Sys } from "../sys/sys.ts";
import type { FileQuestion, HostFile } from "./host.ts";
import { parseBuildId } from "./parse_build_id.ts";

/** What a path that leads nowhere answers. */
const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

/** Those of the files that exist, by path. */
export function describeFiles(sys: Sys, wanted: ReadonlyMap<string, FileQuestion>): Map<string, HostFile> {
  const found = new Map<string, HostFile>();
  for (const [path, question] of wanted) {
    const file = describeFile(sys, question.at ?? path, question);
    if (file !== undefined) found.set(path, file);
  }
  return found;
}

function describeFile(sys: Sys, path: string, { buildId, link: wantsLink }: FileQuestion): HostFile | undefined {
  const link = wantsLink ? describeLink(sys, path) : undefined;
  const status = orUndefined(ABSENT, () => sys.stat(path));
  if (status === undefined) return link === undefined ? undefined : { ...link, link };
  const id = buildId ? describeBuildId(sys, path) : undefined;
  const answer = (status.mode & S_IFMT) === S_IFSOCK ? describeAnswer(sys, path) : undefined;
  return {
    ...pickStatus(status),
    ...id === undefined ? {} : { buildId: id },
    ...answer === undefined ? {} : { answer },
    ...link === undefined ? {} : { link },
  };
}

function describeLink(sys: Sys, path: string): HostFile | undefined {
  const status = orUndefined(ABSENT, () => sys.lstat(path));
  return status !== undefined && (status.mode & S_IFMT) === S_IFLNK ? pickStatus(status) : undefined;
}

function pickStatus({ mode, size, device }: FileStatus): Pick<HostFile, "mode" | "size" | "device"> {
  return { mode, size, device };
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

/** The GNU build id of a file that can be read. */
export function describeBuildId(sys: Sys, path: string): string | undefined {
  try {
    return parseBuildId(readBeginning(sys, path).bytes);
  } catch (error) {
    // Who may not read a file can still plan; restoring it will tell.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}
