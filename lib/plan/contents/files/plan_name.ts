import type { PathFile } from "../../../model/files/path_file.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { SeenFiles } from "../seen_files.ts";

/** A name that a file has while it is opened, and not before or after. */
export interface TemporaryName {
  readonly path: string;
  /** Directories that are missing, outermost first: they are made, and removed again. */
  readonly parents: readonly string[];
}

/** What CRIU puts behind a name that is taken. */
const SUFFIX = ".cr_link";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/**
 * The name by which a file whose name is gone is opened: its own, or where something else has that by now, another
 * one.
 */
export function nameOf(planner: FilePlanner, { path, mount }: PathFile): string {
  return planner.seenFrom(mount).has(path) ? path + SUFFIX : path;
}

/** What /proc says of a file that has had such a name. */
export function deletedLink(name: string): string {
  return `${name} (deleted)`;
}

/** Plans the name of a file whose name is gone; `undefined`, with the problem told, where it can have none. */
export function planName(planner: FilePlanner, file: PathFile, holder: string): TemporaryName | undefined {
  const path = nameOf(planner, file);
  const where = `${holder}, ${JSON.stringify(file.path)}`;
  const seen = planner.seenFrom(file.mount);
  if (seen.has(path)) {
    return planner.refuse(where, `its name is taken here, and so is ${JSON.stringify(path)}: remove that`);
  }
  const parents = missingParents(seen, path);
  const above = directoryOf(parents[0] ?? path);
  const found = seen.get(above);
  if (above === "/" || found === undefined || (found.mode & S_IFMT) === S_IFDIR) return { path, parents };
  return planner.refuse(where, `${JSON.stringify(above)} is no directory here`);
}

/** The directories above a path that are not there, outermost first. */
function missingParents(seen: SeenFiles, path: string): string[] {
  return directoriesAbove(path).filter((directory) => !seen.has(directory) && !seen.isUnseen(directory));
}

/** The directories above a path, outermost first, without the root. */
export function directoriesAbove(path: string): string[] {
  const directories: string[] = [];
  for (let above = directoryOf(path); above !== "/"; above = directoryOf(above)) directories.push(above);
  return directories.reverse();
}

/** The directory that a path is in. */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Every path that planning the names of a file asks this host about. */
export function namesOfInterest(path: string): string[] {
  return [path, path + SUFFIX, ...directoriesAbove(path)];
}
