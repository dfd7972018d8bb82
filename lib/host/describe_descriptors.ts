import { orUndefined } from "../errors.ts";
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUTS,
  NS_GET_NSTYPE,
  NSFS_MAGIC,
  O_CLOEXEC,
} from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { describeBuildId } from "./describe_files.ts";
import type { HostDescriptor } from "./host.ts";

/**
 * Those of the descriptors that cgrestore was started with. What it has opened itself, its runtime included, is
 * close-on-exec, and what it was started with cannot be.
 */
export function describeDescriptors(sys: Sys, wanted: readonly number[]): Map<number, HostDescriptor> {
  const found = new Map<number, HostDescriptor>();
  for (const fd of wanted) {
    const flags = orUndefined(["ENOENT"], () => parseFlags(readText(sys, `/proc/self/fdinfo/${fd}`)));
    if (flags === undefined || (flags & O_CLOEXEC) !== 0) continue;
    const { mode, size } = sys.fstat(fd);
    const name = describeNamespace(sys, fd) ?? sys.readLink(`/proc/self/fd/${fd}`);
    const buildId = describeBuildId(sys, `/proc/self/fd/${fd}`);
    found.set(fd, { name, flags, mode, size, ...buildId === undefined ? {} : { buildId } });
  }
  return found;
}

/** What /proc calls a namespace, `net:[4026532176]`, although the descriptor is of a file that it is mounted on. */
function describeNamespace(sys: Sys, fd: number): string | undefined {
  if (sys.fileSystemType(fd) !== NSFS_MAGIC) return undefined;
  const kind = NAMESPACES.get(sys.ioctl(fd, NS_GET_NSTYPE, new Uint8Array()));
  const [inode] = sys.identity(`/proc/self/fd/${fd}`).split(":").slice(-1);
  return kind === undefined ? undefined : `${kind}:[${inode}]`;
}

/** By CLONE_NEW*, names of namespaces in /proc/PID/ns (namespaces(7)). */
const NAMESPACES: ReadonlyMap<number, string> = new Map([
  [CLONE_NEWNET, "net"],
  [CLONE_NEWNS, "mnt"],
  [CLONE_NEWPID, "pid"],
  [CLONE_NEWUTS, "uts"],
  [CLONE_NEWIPC, "ipc"],
  [CLONE_NEWTIME, "time"],
]);

/** Flags in the text of /proc/PID/fdinfo/FD are octal (proc_pid_fdinfo(5)). */
function parseFlags(text: string): number {
  return parseInt(/^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? "0", 8);
}
