import { orUndefined } from "../errors.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { unescapeOctal } from "../text.ts";
import { parseMounts } from "./parse_mounts.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
/** What a mount point that is hidden or out of reach answers. */
const OUT_OF_REACH = ["ENOENT", "ENOTDIR", "EACCES"];

/** A mount as far as its device is concerned. */
export interface DeviceMount {
  /** As the kernel numbers it: 12 bits of major number, 20 bits of minor number. */
  readonly device: number;
  /** Whether it shows all of its file system. */
  readonly isWhole: boolean;
  readonly mountPoint: string;
}

/** A directory on each of these devices that is mounted, by device; one that shows all of it, if there is any. */
export function describeMounts(sys: Sys, devices: readonly number[]): Map<number, string> {
  const found = new Map<number, string>();
  if (devices.length === 0) return found;
  const mounts = parseDeviceMounts(readText(sys, "/proc/self/mountinfo"));
  for (const device of devices) {
    const candidates = mounts.filter((mount) => mount.device === device && isDirectory(sys, mount.mountPoint));
    const mount = candidates.find(({ isWhole }) => isWhole) ?? candidates[0];
    if (mount !== undefined) found.set(device, mount.mountPoint);
  }
  return found;
}

/** Where file systems of these types are mounted as a whole, by type. */
export function describeFileSystems(sys: Sys, types: readonly string[]): Map<string, string> {
  if (types.length === 0) return new Map();
  const mounts = parseMounts(readText(sys, "/proc/self/mountinfo"));
  return new Map(types.flatMap((type): [string, string][] => {
    const mount = mounts.find((mount) => (
      mount.type === type && mount.root === "/" && isDirectory(sys, mount.mountPoint)
    ));
    return mount === undefined ? [] : [[type, mount.mountPoint]];
  }));
}

function isDirectory(sys: Sys, path: string): boolean {
  const status = orUndefined(OUT_OF_REACH, () => sys.stat(path));
  return status !== undefined && (status.mode & S_IFMT) === S_IFDIR;
}

/** All mounts in the text of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), in its order. */
export function parseDeviceMounts(text: string): DeviceMount[] {
  return text.split("\n").flatMap((line) => {
    const [, , device, root, mountPoint] = line.split(" ");
    const [major, minor] = (device ?? "").split(":").map(Number);
    if (major === undefined || minor === undefined || root === undefined || mountPoint === undefined) return [];
    return [{ device: major * 2 ** 20 + minor, isWhole: root === "/", mountPoint: unescapeOctal(mountPoint) }];
  });
}
