import type {
  FanotifyFileEntry,
  FanotifyMarkEntry,
  FhEntry,
  InotifyFileEntry,
  InotifyWdEntry,
} from "../../gen/notify.ts";
import type { ContentImages } from "../../image/content_images.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import type { FanotifyFile, FanotifyMark, InotifyFile, WatchTarget } from "./notify_files.ts";

/** `mark_type` of images/fsnotify.proto. */
const INODE = 1;
const MOUNT = 2;

/** Of what inotify(7) tells and takes; other bits are the kernel's own, which old ones show (fs/notify/inotify). */
const IN_MASK = 0xfff | 1 << 26 | 1 << 31;

type Context = FilesContext & { readonly where: string };

export function buildInotifyFile(id: number, { flags, fown, wd }: InotifyFileEntry, context: Context): InotifyFile {
  const watches = wd.map((entry) => ({
    number: entry.wd,
    mask: (entry.mask & IN_MASK) >>> 0,
    target: buildTarget(entry.fHandle, entry, context.images),
  }));
  watches.sort((a, b) => a.number - b.number);
  watches.forEach(({ number }, index) => {
    if (number !== watches[index + 1]?.number) return;
    context.problems.push({ where: context.where, what: `watch ${number} occurs more than once` });
  });
  return { kind: "inotify", id, flags, ...buildOwner(fown), watches };
}

export function buildFanotifyFile(id: number, entry: FanotifyFileEntry, context: Context): FanotifyFile {
  return {
    kind: "fanotify",
    id,
    flags: entry.flags,
    ...buildOwner(entry.fown),
    groupFlags: entry.faflags,
    eventFlags: entry.evflags,
    marks: entry.mark.flatMap((mark) => buildMark(mark, context) ?? []),
  };
}

function buildMark(entry: FanotifyMarkEntry, { images, problems, where }: Context): FanotifyMark | undefined {
  const { type, mflags: flags, mask, ignoredMask, sDev, ie, me } = entry;
  const common = { flags, mask, ignoredMask };
  if (type === INODE && ie !== undefined) {
    return { ...common, target: buildTarget(ie.fHandle, { sDev, iIno: ie.iIno }, images) };
  }
  const path = me?.path ?? mountPointOf(me?.mntId, images);
  if (type === MOUNT && path !== undefined) {
    return { ...common, target: { kind: "mount", path: absolute(path), ...mountOf(me?.mntId) } };
  }
  problems.push({ where, what: `a mark of type ${type} says neither what file nor what mount it is on` });
  return undefined;
}

/** For marks of mounts in namespaces of the tasks, CRIU writes no path (criu/fsnotify.c). */
function mountPointOf(id: number | undefined, { namespaces: { mnt = [] } }: ContentImages): string | undefined {
  return mnt.flatMap(({ mounts }) => mounts).find(({ mntId }) => mntId === id)?.mountpoint;
}

/** A file without a name is found by its inode, any other one by its path if CRIU has found one. */
function buildTarget(
  { path, type, bytes, handle, mntId }: FhEntry,
  { sDev: device, iIno: inode }: Pick<InotifyWdEntry, "sDev" | "iIno">,
  { ghosts }: ContentImages,
): WatchTarget {
  for (const [ghost, { entry }] of ghosts) {
    // CRIU keeps but 32 bits of a ghost's inode to compare (`lookup_ghost_remap`, criu/files-reg.c).
    const isSame = entry.dev === device && entry.ino !== undefined && low32(entry.ino) === low32(inode);
    if (isSame) return { kind: "ghost", ghost };
  }
  if (path !== undefined) return { kind: "path", path: absolute(path), ...mountOf(mntId) };
  return { kind: "handle", device, type, bytes: handle.toBytes().subarray(0, bytes) };
}

function mountOf(mount: number | undefined): { readonly mount?: number } {
  return mount === undefined ? {} : { mount };
}

function low32(number: bigint): bigint {
  return BigInt.asUintN(32, number);
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}
