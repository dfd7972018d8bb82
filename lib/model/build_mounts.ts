import type { Problem } from "../errors.ts";
import type { MntEntry } from "../gen/mnt.ts";
import type { MountImages } from "../image/content_images.ts";
import type { Mount } from "./mounts.ts";

/** `fstype` of images/mnt.proto. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [1, "proc"],
  [2, "sysfs"],
  [3, "devtmpfs"],
  [4, "binfmt_misc"],
  [5, "tmpfs"],
  [6, "devpts"],
  [7, "simfs"],
  [8, "pstore"],
  [9, "securityfs"],
  [10, "fusectl"],
  [11, "debugfs"],
  [12, "cgroup"],
  [13, "aufs"],
  [14, "mqueue"],
  [15, "fuse"],
  [17, "overlay"],
  [18, "autofs"],
  [19, "tracefs"],
  [23, "cgroup2"],
]);
/** Of such a type, the entry says the name. */
const NAMED = 16;

/** linux/mount.h */
const MS_UNBINDABLE = 1 << 17;
const MS_PROPAGATION = MS_UNBINDABLE | 1 << 18 | 1 << 19 | 1 << 20;
/** MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME and MS_RELATIME: what old images have of the mount. */
const MOUNT_FLAGS = 0x2 | 0x4 | 0x8 | 0x400 | 0x800 | 1 << 21;
/** In CRIU's images, a tree of debugfs may be mounted with what is below it. */
const MS_REC = 0x4000;

/** Longest path, with its NUL, that the kernel takes (`PATH_MAX`, linux/limits.h). */
const PATH_MAX = 4096;

/**
 * The mounts of one namespace after the other, in each parents before the mounts on them. What cannot be is a problem.
 */
export function buildMounts(namespaces: readonly MountImages[], problems: Problem[]): Mount[] {
  const ids = new Set<number>();
  return namespaces.flatMap((images, namespace) => buildNamespace(images, { namespace, ids, problems }));
}

interface BuildContext {
  readonly namespace: number;
  /** Of the mounts before. */
  readonly ids: Set<number>;
  readonly problems: Problem[];
}

function buildNamespace({ number, mounts, trees }: MountImages, { namespace, ids, problems }: BuildContext): Mount[] {
  const where = `mountpoints-${number}.img`;
  const byId = new Map<number, MntEntry>();
  for (const entry of mounts) {
    const complain = (what: string) => problems.push({ where: `${where}, mount ${entry.mntId}`, what });
    if (ids.has(entry.mntId)) complain("its id occurs more than once");
    ids.add(entry.mntId);
    byId.set(entry.mntId, entry);
    for (const path of [entry.mountpoint, entry.root]) {
      const what = pathProblem(path, isExternal(entry));
      if (what !== undefined) complain(what);
    }
  }
  const roots = mounts.filter(({ parentMntId }) => !byId.has(parentMntId));
  if (roots.length !== 1 || roots[0]?.mountpoint !== "/") {
    problems.push({
      where,
      what: `it has ${roots.length} mounts that are on no other one, and "/" has to be the only`,
    });
    return [];
  }
  const ordered = orderMounts(mounts, roots);
  if (ordered.length !== byId.size) problems.push({ where, what: "some mounts are on each other" });
  return ordered.map((entry) => (
    buildMount(entry, { namespace, isRoot: entry === roots[0], tree: trees.get(entry.rootDev) })
  ));
}

/** Each behind the one that it is on, else in the order of the image. */
function orderMounts(mounts: readonly MntEntry[], roots: readonly MntEntry[]): MntEntry[] {
  const children = Map.groupBy(mounts, ({ parentMntId }) => parentMntId);
  const ordered = [...roots];
  for (const { mntId } of ordered) {
    ordered.push(...(children.get(mntId) ?? []).filter((entry) => entry.mntId !== mntId));
  }
  return ordered;
}

function buildMount(
  entry: MntEntry,
  { namespace, isRoot, tree }: {
    readonly namespace: number;
    readonly isRoot: boolean;
    readonly tree: Mount["tree"] | undefined;
  },
): Mount {
  const { sharedId = 0, masterId = 0, extKey, extMount, sbFlags } = entry;
  const external = extMount === true ? entry.root : extKey;
  const flags = sbFlags === undefined ? entry.flags & (MOUNT_FLAGS | MS_PROPAGATION) : entry.flags;
  return {
    id: entry.mntId,
    namespace,
    ...isRoot ? {} : { parent: entry.parentMntId },
    mountPoint: entry.mountpoint,
    root: extMount === true ? "/" : entry.root,
    device: entry.rootDev,
    type: entry.fstype === NAMED ? entry.fsname ?? "" : TYPES.get(entry.fstype) ?? "",
    source: entry.source,
    options: entry.options,
    flags: flags & ~(MS_PROPAGATION | MS_REC),
    superFlags: sbFlags ?? entry.flags & ~(MOUNT_FLAGS | MS_PROPAGATION | MS_REC),
    ...sharedId === 0 ? {} : { peers: sharedId },
    ...masterId === 0 ? {} : { master: masterId },
    isUnbindable: (flags & MS_UNBINDABLE) !== 0,
    ...external === undefined || external === "" ? {} : { external },
    isDeleted: entry.deleted ?? false,
    needsPlugin: entry.withPlugin ?? false,
    ...tree === undefined ? {} : { tree },
  };
}

function isExternal({ extKey, extMount }: MntEntry): boolean {
  return extMount === true || (extKey !== undefined && extKey !== "");
}

/** Of what is external, the root may be anything that the outside knows. */
function pathProblem(path: string, external: boolean): string | undefined {
  const shown = JSON.stringify(path.slice(0, 80));
  if (path.includes("\0") || path.length >= PATH_MAX) return `the path ${shown} cannot be one`;
  const isPlain = path.startsWith("/") && path.split("/").every((part) => part !== ".." && part !== ".");
  return isPlain || external ? undefined : `the path ${shown} is not absolute, or has steps that lead back`;
}
