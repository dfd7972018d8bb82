import type { Problem } from "../../../errors.ts";
import type { Host, HostFile } from "../../../host/host.ts";
import { isAtOrBelow } from "../../../model/cgroup_path.ts";
import type { HierarchyName } from "../../../model/hierarchy.ts";
import { isOfHierarchy, pathBelow } from "../../../model/mount_tree.ts";
import { DETECTED, type Mount } from "../../../model/mounts.ts";
import type { MountOptions } from "../../plan.ts";
import { isAtLeast } from "../kernel_version.ts";
import { MS_RDONLY } from "./delay_read_only.ts";
import { isRemoved, type MountPlaces, OVERLAY, whereOf } from "./mount_places.ts";
import { overlayOptions } from "./overlay_layers.ts";
import { parseMountOptions } from "./parse_mount_options.ts";
import { hostPathsOfOverlay, overlayLoss, overlayProblem, withoutWork } from "./plan_overlay.ts";
import type { MountOption, MountSource, MountsPlan, MountStep, RemovedName } from "./mounts_plan.ts";
import { planMountSharing } from "./plan_mount_sharing.ts";

/** What planning mounts has to know. */
export interface MountQuestions {
  readonly places: MountPlaces;
  readonly host: Pick<Host, "files" | "fileSystems" | "hierarchies" | "kernel">;
  /** Where the tasks' own cgroup namespace begins; where cgrestore is in hierarchies that it lacks. */
  readonly namespaceRoot?: ReadonlyMap<HierarchyName, string> | undefined;
  readonly problems: Problem[];
  /** Gets what is not as it was, and what only the user can put up with. */
  readonly losses: Problem[];
}

/** First kernel in which mount_setattr(2) sets flags of a mount that is nowhere yet. */
const SETTABLE = [5, 12] as const;
/** What CRIU dumps without its files, where the user wants that (`--enable-fs`, as LXC does): mostly, it has none. */
const EMPTY = new Set(["hugetlbfs"]);
/** File systems that are made again, with the options that the images have. */
const MADE = new Set(["proc", "sysfs", "tmpfs", "devpts", "mqueue", OVERLAY, ...EMPTY]);
/**
 * Those of which a kernel has only one, with options for everybody: so they are copied, and made again without options where
 * nobody has them mounted. Of binfmt_misc, a user namespace may have one of its own.
 */
const SINGLE = new Set(["binfmt_misc", "debugfs", "fusectl", "pstore", "securityfs"]);
/** What is mounted of these with other options than before changes them for everybody: so they are copied. */
const CGROUPS = new Set(["cgroup", "cgroup2"]);

const LOST_FILE = "the file that it shows was removed, and becomes an empty one: no image has what was in it";

/** Superblock flags by the names of their options (linux/mount.h). */
const SUPER_OPTIONS: readonly (readonly [number, string])[] = [[0x10, "sync"], [0x80, "dirsync"], [0x40, "mand"]];
/** With them, mount(2) makes a file system, and does nothing else. */
const SUPER_FLAGS = SUPER_OPTIONS.reduce((all, [flag]) => all | flag, MS_RDONLY);
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** Paths of this host that planning has to know of, by keys under which no path of a task is. */
export function hostPathsOf(places: MountPlaces): Map<string, string> {
  const paths = new Map<string, string>();
  for (const mount of places.mounts) {
    const place = places.placeOf(mount);
    if (place?.kind === "here") paths.set(sourceKey(mount), place.path);
    const point = places.pointOf(mount);
    if (point !== undefined) paths.set(pointKey(mount), point);
    const like = isRemoved(mount) ? places.pointLike(mount) : undefined;
    if (like !== undefined) paths.set(likeKey(mount), like);
    for (const { hostPath } of removedNames(mount, places)) {
      if (hostPath !== undefined) paths.set(removedKey(hostPath), hostPath);
    }
    for (const [key, path] of hostPathsOfOverlay(mount, places)) paths.set(key, path);
  }
  return paths;
}

function sourceKey({ id }: Mount): string {
  return `source of mount ${id}`;
}

function pointKey({ id }: Mount): string {
  return `point of mount ${id}`;
}

function likeKey({ id }: Mount): string {
  return `like of the point of mount ${id}`;
}

function removedKey(path: string): string {
  return `removed ${path}`;
}

/** Types of the mounts of file systems of which this host may have the only one. */
export function singleFileSystems(mounts: readonly Pick<Mount, "type">[]): string[] {
  return [...new Set(mounts.filter(isSingle).map(({ type }) => type))];
}

/** Whether a kernel has only one file system of the type of a mount. */
export function isSingle({ type }: Pick<Mount, "type">): boolean {
  return SINGLE.has(type);
}

/** Whether a mount is known to show a directory. */
export function showsDirectory(mount: Mount, { files }: Pick<Host, "files">): boolean {
  return mount.root === "/" || isDirectory(files.get(sourceKey(mount)));
}

/** Plans the mount namespaces; what cannot be made again is told. */
export function planMounts(questions: MountQuestions): MountsPlan {
  const { places, host, problems, losses } = questions;
  if (!isAtLeast(host.kernel, SETTABLE)) {
    problems.push({ where: "mnt namespace", what: "Linux 5.12 or newer is needed for mounts of the tasks' own" });
  }
  for (const mount of places.mounts) {
    const what = mountProblem(mount, questions);
    const loss = mountLoss(mount, questions);
    if (what !== undefined) problems.push({ where: whereOf(mount), what });
    else if (loss !== undefined) losses.push({ where: whereOf(mount), what: loss });
  }
  const ordered = orderMounts(questions);
  const indices = new Map(ordered.map((mount, index) => [mount.id, index]));
  const steps = ordered.map((mount) => planStep(mount, { questions, indices }));
  return { steps, sharing: planMountSharing(ordered, questions) };
}

/** What the user has told of mounts that are not there, and what images do not have of others. */
export function notesOnMounts(mounts: readonly Mount[], { external }: MountOptions): string[] {
  const names = new Set(mounts.map((mount) => mount.external));
  return [
    ...external.filter(({ key }) => !names.has(key)).map(({ key }) => (
      `nothing in the checkpoint is the external mount "${key}": its path is not used`
    )),
    ...mounts.filter(({ type, external }) => EMPTY.has(type) && external === undefined).map((mount) => (
      `the ${whereOf(mount)} is empty: no image has the files that were in it`
    )),
  ];
}

/** Why a mount cannot be made again. */
function mountProblem(mount: Mount, questions: MountQuestions): string | undefined {
  const { places, host: { files } } = questions;
  if (mount.needsPlugin) return "it was made by a plugin of CRIU";
  const place = places.placeOf(mount);
  const what = place === undefined
    ? placeProblem(mount)
    : place.kind === "made"
    ? madeProblem(mount, questions)
    : undefined;
  if (what !== undefined) return what;
  if (isRemoved(mount)) {
    const why = removedProblem(mount, questions);
    if (why !== undefined) return `what it shows was removed, and ${why}`;
  } else if (place?.kind === "here" && !files.has(sourceKey(mount))) {
    return `${JSON.stringify(place.path)} is not here`;
  }
  if (mount.parent === undefined && place?.kind === "here" && !isDirectory(files.get(sourceKey(mount)))) {
    return "its root is no directory here";
  }
  const isTwin = mount.parent !== undefined && places.mounts.some((other) => (
    other !== mount && other.parent === mount.parent && other.mountPoint === mount.mountPoint
  ));
  if (isTwin) return "another mount is at the same place";
  return ptyProblem(mount, places) ?? pointProblem(mount, questions);
}

/** What of a mount is not as it was. */
function mountLoss(mount: Mount, questions: MountQuestions): string | undefined {
  if (isRemoved(mount) && kindOfPoint(mount, questions) === "file") return LOST_FILE;
  return overlayLoss(mount, questions.places);
}

function placeProblem({ external, source }: Mount): string {
  if (external === DETECTED) return `CRIU has taken ${JSON.stringify(source)} for it: --external mnt[] does so here`;
  if (external !== undefined) return `it is provided from outside: --external mnt[${external}]:PATH says by what`;
  return "nothing is known of its file system, and no other mount shows it: it had to be dumped as an external one";
}

function madeProblem(mount: Mount, questions: MountQuestions): string | undefined {
  const { type, root } = mount;
  const { places } = questions;
  if (places.baseOf(mount) !== undefined) return undefined;
  if (CGROUPS.has(type)) {
    return cgroupPath(mount, questions) === undefined ? "this host has no such hierarchy mounted" : undefined;
  }
  if (isSingle(mount) && singlePath(mount, questions) !== undefined) return undefined;
  if (!MADE.has(type) && !isSingle(mount)) {
    return "file systems of this type are not made again: it had to be dumped as an external one";
  }
  if (root !== "/") {
    return `it shows only ${JSON.stringify(root)} of its file system, and no other mount shows all of it`;
  }
  if (type === OVERLAY) return overlayProblem(mount, questions);
  return type === "tmpfs" && mount.tree === undefined ? "the images do not have its files" : undefined;
}

/**
 * Why what was removed cannot be made for a moment. As CRIU, we take it for a directory when it is mounted on one: nothing
 * can be in such a directory. Files had a content, or were of some other type, and no image tells of that.
 */
function removedProblem(mount: Mount, questions: MountQuestions): string | undefined {
  const { places, host: { files } } = questions;
  const base = places.baseOf(mount);
  if (base === undefined) return "no other mount shows where it was";
  if (places.mounts.some(({ parent }) => parent === mount.id)) return "there is a mount on it";
  const kind = kindOfPoint(mount, questions);
  if (kind === undefined) return "nothing tells whether it was a directory";
  const hasNamesake = places.mounts.some((other) => (
    isRemoved(other) && other.device === mount.device && isAtOrBelow(other.root, mount.root) &&
    (other.root !== mount.root || kindOfPoint(other, questions) !== kind)
  ));
  if (kind === "file" && hasNamesake) return "so was a directory of the same name";
  if (isRemoved(base)) return undefined;
  if (places.placeOf(base)?.kind === "made") {
    if ((base.superFlags & MS_RDONLY) !== 0) return "its file system is read-only";
    if (places.treeOf(base) === undefined) return "nothing can be made in its file system";
  }
  const names = removedNames(mount, places);
  const found = names.map((name) => findMode(name, { base, files }));
  if (found.at(-1) !== undefined) return `something else is ${JSON.stringify(shownName(names.at(-1)))}`;
  const blocking = found.findIndex((mode) => mode !== undefined && (mode & S_IFMT) !== S_IFDIR);
  return blocking === -1 ? undefined : `${JSON.stringify(shownName(names[blocking]))} is no directory`;
}

/** The names of what was removed, and of the directories above it in the mount that it was a part of; outermost first. */
function removedNames(mount: Mount, places: MountPlaces): Omit<RemovedName, "isDirectory">[] {
  const base = places.baseOf(mount);
  if (!isRemoved(mount) || base === undefined || isRemoved(base)) return [];
  const place = places.placeOf(base);
  const names = pathBelow(base.root, mount.root).split("/").slice(1);
  return names.map((_, index) => {
    const path = names.slice(0, index + 1).join("/");
    return { path, ...place?.kind === "here" ? { hostPath: pathBelow("/", place.path) + `/${path}` } : {} };
  });
}

function shownName(name: Pick<RemovedName, "path" | "hostPath"> | undefined): string {
  return name?.hostPath ?? name?.path ?? "";
}

/** The mode of what has such a name; `undefined` where there is nothing. */
function findMode(
  { path, hostPath }: Pick<RemovedName, "path" | "hostPath">,
  { base, files }: { readonly base: Mount; readonly files: Host["files"] },
): number | undefined {
  if (hostPath !== undefined) return files.get(removedKey(hostPath))?.mode;
  return base.tree?.find((file) => `/${file.path}` === `${pathBelow("/", base.root)}/${path}`)?.mode;
}

/** What a mount is on, and so what it shows; `undefined` where planning cannot know, or there is nothing. */
function kindOfPoint(mount: Mount, { places, host: { files } }: MountQuestions): "directory" | "file" | undefined {
  const parent = places.parentOf(mount);
  if (parent === undefined) return undefined;
  const kindOf = (found: Pick<HostFile, "mode"> | undefined) => found && (isDirectory(found) ? "directory" : "file");
  if (places.pointLike(mount) !== undefined) return kindOf(files.get(likeKey(mount)));
  const name = (parent.root === "/" ? "" : parent.root) + pathBelow(parent.mountPoint, mount.mountPoint);
  return name === "" ? "directory" : kindOf(places.treeOf(parent)?.find(({ path }) => `/${path}` === name));
}

/** Made when all others are there and share what they are to share, it is one by itself. */
function ptyProblem(mount: Mount, places: MountPlaces): string | undefined {
  if (places.ptyOf(mount) === undefined) return undefined;
  if (mount.namespace !== 0) return "it shows a pseudoterminal, and is not in the mnt namespace of the root task";
  const { peers, master, isUnbindable } = mount;
  if (peers !== undefined || master !== undefined || isUnbindable) {
    return "it shows a pseudoterminal, and shares with others or is unbindable";
  }
  return places.mounts.some(({ parent }) => parent === mount.id)
    ? "it shows a pseudoterminal, and has a mount on it"
    : undefined;
}

function pointProblem(mount: Mount, { places, host: { files } }: MountQuestions): string | undefined {
  const parent = places.parentOf(mount);
  if (parent === undefined) return undefined;
  if (!isAtOrBelow(mount.mountPoint, parent.mountPoint)) return "it is not below the mount that it is on";
  const point = places.pointOf(mount);
  const [found, source] = [files.get(pointKey(mount)), files.get(sourceKey(mount))];
  if (point !== undefined && found === undefined) {
    const root = places.options.root === undefined ? ", or name another root with --root" : "";
    return `its place ${JSON.stringify(point)} is not here: make it${root}`;
  }
  if (found !== undefined && source !== undefined && isDirectory(found) !== isDirectory(source)) {
    return `${JSON.stringify(point)} is ${isDirectory(found) ? "a" : "no"} directory here, and what it shows is not so`;
  }
  if (point !== undefined) return undefined;
  if (parent.type !== "tmpfs" || parent.tree === undefined) return undefined;
  const name = (parent.root === "/" ? "" : parent.root) + pathBelow(parent.mountPoint, mount.mountPoint);
  const isThere = parent.tree.some(({ path }) => `/${path}` === (name || "/"));
  return isThere ? undefined : `the tmpfs ${JSON.stringify(parent.mountPoint)} has nothing there`;
}

function isDirectory(file: Pick<HostFile, "mode"> | undefined): boolean {
  return file !== undefined && (file.mode & S_IFMT) === S_IFDIR;
}

/** Where this host has what a mount shows of a file system of which there is only one. */
function singlePath({ type, root }: Mount, { host: { fileSystems } }: MountQuestions): string | undefined {
  const mountPoint = fileSystems.get(type);
  return mountPoint === undefined ? undefined : mountPoint + pathBelow("/", root);
}

/** Where this host has the cgroups that a mount shows, which begin where the tasks' cgroup namespace does. */
function cgroupPath(
  shown: Mount,
  { host, namespaceRoot }: MountQuestions,
): string | undefined {
  const found = host.hierarchies.find(({ name, mount }) => mount !== undefined && isOfHierarchy(shown, name));
  if (found?.mount === undefined) return undefined;
  const start = namespaceRoot === undefined ? "/" : namespaceRoot.get(found.name) ?? found.ownPath;
  return found.mount.mountPoint + pathBelow("/", start) + pathBelow("/", shown.root);
}

/**
 * The order in which mounts can be made: behind the one that they are on and those that they are made of, and before
 * those that would cover their place.
 */
function orderMounts(questions: MountQuestions): Mount[] {
  const left = new Set(questions.places.mounts);
  const ordered = [...Map.groupBy(left, ({ namespace }) => namespace).values()].flatMap((mounts) => (
    orderNamespace(mounts, { ...questions, left })
  ));
  for (const mount of left) {
    const isElsewhere = (questions.places.baseOf(mount) ?? mount).namespace !== mount.namespace;
    const what = isElsewhere
      ? "it is made of what is mounted in another mnt namespace only"
      : "it is on or below something that is made of it";
    questions.problems.push({ where: whereOf(mount), what });
  }
  return ordered;
}

/** @param left the mounts that are not ordered; loses those that are */
function orderNamespace(
  mounts: readonly Mount[],
  { places, left }: Pick<MountQuestions, "places"> & { readonly left: Set<Mount> },
): Mount[] {
  const ordered: Mount[] = [];
  const canBeMade = (mount: Mount) => {
    const [parent, base] = [places.parentOf(mount), places.baseOf(mount)];
    if (parent !== undefined && left.has(parent) || base !== undefined && left.has(base)) return false;
    if (places.layersOf(mount).some((layer) => layer.mount !== undefined && left.has(layer.mount))) return false;
    return ![...left].some((other) => (
      other !== mount && other.parent === mount.parent && isAtOrBelow(other.mountPoint, mount.mountPoint) &&
      other.mountPoint !== mount.mountPoint
    ));
  };
  const isNext = (mount: Mount) => left.has(mount) && canBeMade(mount);
  for (let next = mounts.find(isNext); next !== undefined; next = mounts.find(isNext)) {
    left.delete(next);
    ordered.push(next);
  }
  return ordered;
}

interface StepContext {
  readonly questions: MountQuestions;
  /** By id. */
  readonly indices: ReadonlyMap<number, number>;
}

function planStep(mount: Mount, { questions, indices }: StepContext): MountStep {
  const { places } = questions;
  const parent = places.parentOf(mount);
  const { mountPoint, namespace, flags, peers, master } = mount;
  return {
    mountPoint,
    namespace,
    ...parent === undefined ? {} : { on: indices.get(parent.id) ?? 0 },
    at: parent === undefined ? "" : pathBelow(parent.mountPoint, mountPoint).slice(1),
    source: planSource(mount, { questions, indices }),
    flags,
    followsHost: master !== undefined && !places.mounts.some((other) => other.peers === master),
    ...peers === undefined ? {} : { peers },
    ...master === undefined ? {} : { master },
  };
}

function planSource(mount: Mount, { questions, indices }: StepContext): MountSource {
  const { places } = questions;
  const base = places.baseOf(mount);
  if (base !== undefined) {
    const path = pathBelow(base.root, mount.root).slice(1);
    const pty = places.ptyOf(mount);
    return {
      kind: "part",
      of: indices.get(base.id) ?? 0,
      path,
      ...pty === undefined ? {} : { pty },
      ...isRemoved(mount) && !isRemoved(base) ? { removed: planRemoved(mount, { base, questions }) } : {},
    };
  }
  const place = places.placeOf(mount);
  if (place?.kind === "here") return place;
  if (CGROUPS.has(mount.type)) return { kind: "here", path: cgroupPath(mount, questions) ?? "" };
  if (isSingle(mount)) return planSingle(mount, questions);
  const options = parseMountOptions(mount.options);
  if (mount.type === OVERLAY) {
    return {
      kind: "overlay",
      source: mount.source,
      options: overlayOptions(options),
      flags: mount.superFlags & SUPER_FLAGS,
    };
  }
  const isReadOnly = (mount.superFlags & MS_RDONLY) !== 0;
  const flags = SUPER_OPTIONS.filter(([flag]) => (mount.superFlags & flag) !== 0).map(([, name]) => ({ name }));
  const hasFiles = mount.type === "tmpfs";
  return {
    kind: "new",
    type: mount.type,
    source: mount.source,
    options: [...options, ...flags, ...isReadOnly && !hasFiles ? READ_ONLY : []],
    lateOptions: isReadOnly && hasFiles ? READ_ONLY : [],
    files: withoutWork(mount, places),
  };
}

function planSingle(mount: Mount, questions: MountQuestions): MountSource {
  const { type, source } = mount;
  const path = singlePath(mount, questions);
  if (path !== undefined) return { kind: "here", path };
  return { kind: "new", type, source, options: [], lateOptions: [], files: [] };
}

/** What is made for it. */
function planRemoved(
  mount: Mount,
  { base, questions }: { readonly base: Mount; readonly questions: MountQuestions },
): RemovedName[] {
  const { places, host: { files } } = questions;
  const names = removedNames(mount, places);
  return names.filter((name) => findMode(name, { base, files }) === undefined).map((name) => ({
    ...name,
    isDirectory: name !== names.at(-1) || kindOfPoint(mount, questions) === "directory",
  }));
}

const READ_ONLY: readonly MountOption[] = [{ name: "ro" }];
