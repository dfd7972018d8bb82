import type { RegFileEntry } from "../../gen/regfile.ts";
import type { RemapFilePathEntry, Timeval } from "../../gen/remap.ts";
import type { GhostImage } from "../../image/content_images.ts";
import { encodeText } from "../../text.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { EntryIndex, fileEntries } from "../entry_index.ts";
import type { FileTime, GhostFile, PathFile, Remap } from "./path_file.ts";

/** `remap_type` of images/remap-file-path.proto. */
const LINKED = 0;
const GHOST = 1;
const DEAD_TASK = 2;

/** Longest path, with its NUL, that the kernel takes (`PATH_MAX`, linux/limits.h). */
const PATH_MAX = 4096;

/** A position that CRIU does not set (`get_mem_dev_ops`, criu/files.c). */
const NO_POSITION = 2n ** 64n - 1n;

const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;

type Context = FilesContext & { readonly where: string };

export function buildPathFile(id: number, entry: RegFileEntry, context: Context): PathFile {
  const isExternal = entry.ext ?? false;
  const path = isExternal ? entry.name : normalize(entry.name);
  const what = pathProblem(path);
  if (what !== undefined) context.problems.push({ where: context.where, what });
  return {
    kind: "path",
    id,
    flags: entry.flags,
    ...buildOwner(entry.fown),
    path,
    ...entry.pos === NO_POSITION ? {} : { position: entry.pos },
    ...entry.size === undefined ? {} : { size: entry.size },
    ...entry.mode === undefined ? {} : { mode: entry.mode },
    ...entry.buildId.length === 0 ? {} : { buildId: describeBuildId(entry.buildId) },
    ...entry.mntId === undefined || entry.mntId === -1 ? {} : { mount: entry.mntId },
    isExternal,
    ...buildRemap(id, context),
  };
}

/**
 * CRIU leaves the first slash away where it opens a file relative to its mount, and puts one behind the directory of a
 * task in /proc (`check_path_remap`).
 */
function normalize(name: string): string {
  const absolute = name.startsWith("/") ? name : `/${name}`;
  return absolute.replace(/(?<=.)\/$/s, "");
}

function pathProblem(path: string): string | undefined {
  if (path.includes("\0")) return `the path ${JSON.stringify(path)} has a NUL`;
  const length = encodeText(path).length;
  return length < PATH_MAX ? undefined : `a path has ${length} bytes, and the kernel takes ${PATH_MAX - 1} at most`;
}

/** CRIU keeps the build id in words, the first byte of each the lowest one (`store_validation_data_build_id`). */
function describeBuildId(words: readonly number[]): string {
  const bytes = new Uint8Array(new Uint32Array(words).buffer);
  return bytes.toHex();
}

const remaps = new EntryIndex<RemapFilePathEntry>(({ origId }) => origId);

function buildRemap(id: number, context: Context): { readonly remap?: Remap } {
  const entry = remaps.find(context.images.remaps, id);
  if (entry === undefined) return {};
  const remap = remapOf(entry, context);
  return remap === undefined ? {} : { remap };
}

function remapOf({ remapId, remapType }: RemapFilePathEntry, context: Context): Remap | undefined {
  const { images, problems, where } = context;
  switch (remapType) {
    case LINKED: {
      const link = fileEntries.find(images.files, remapId)?.reg;
      if (link !== undefined) return { kind: "linked", path: normalize(link.name) };
      problems.push({ where, what: `it is linked to file ${remapId}, which is not in files.img` });
      return undefined;
    }
    case GHOST: {
      const ghost = images.ghosts.get(remapId);
      // What is wrong with the ghost's own image has been told.
      return ghost === undefined ? undefined : { kind: "ghost", ghost: buildGhost(remapId, ghost, context) };
    }
    case DEAD_TASK:
      return { kind: "dead-task", pid: remapId };
    default:
      problems.push({ where, what: `it is remapped in the unknown way ${remapType}` });
      return undefined;
  }
}

function buildGhost(id: number, { entry, path, parts }: GhostImage, { problems, where }: Context): GhostFile {
  const isLink = (entry.mode & S_IFMT) === S_IFLNK;
  if (isLink && entry.symlnkTarget === undefined) {
    problems.push({
      where,
      what: `it is the symbolic link of ghost ${id}, whose image does not say where it leads to`,
    });
  }
  return {
    id,
    uid: entry.uid,
    gid: entry.gid,
    mode: entry.mode,
    device: entry.rdev ?? 0,
    ...entry.atim === undefined ? {} : { accessTime: timeOf(entry.atim) },
    ...entry.mtim === undefined ? {} : { changeTime: timeOf(entry.mtim) },
    size: entry.size ?? parts.reduce((end, { position, length }) => Math.max(end, position + length), 0),
    ...entry.symlnkTarget === undefined ? {} : { target: entry.symlnkTarget },
    content: { path, parts },
  };
}

function timeOf({ tvSec, tvUsec }: Timeval): FileTime {
  return [tvSec, tvUsec];
}
