import type { GhostFile, PathFile } from "../../../model/files/path_file.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { SeenFiles } from "../seen_files.ts";
import type { StepBase } from "../file_step.ts";
import { nameOf, planName, type TemporaryName } from "./plan_name.ts";
import type { Opening } from "./plan_path.ts";

/** Makes a file that has names only while it is opened. */
export interface GhostStep extends StepBase {
  readonly kind: "make-ghost";
  readonly ghost: GhostFile;
  /** It is made by the first; the others are hard links. */
  readonly names: readonly TemporaryName[];
  readonly openings: readonly GhostOpening[];
  /** Files that were in this directory: they are made while it has its name. */
  readonly inside: readonly GhostStep[];
}

export interface GhostOpening extends Opening {
  /** One of the names. */
  readonly path: string;
  /** Number of the mount namespace that sees it there, where that is another one than makes the names. */
  readonly seenIn?: number;
}

/** A ghost of which not all openings are known yet. */
export interface GhostDraft {
  readonly ghost: GhostFile;
  readonly names: Map<string, TemporaryName>;
  readonly openings: GhostOpening[];
  /** The mount namespace that its names are of. */
  readonly seen: SeenFiles;
}

/** O_TMPFILE without the O_DIRECTORY that is part of it (asm-generic/fcntl.h). */
const __O_TMPFILE = 0o20000000;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFSOCK = 0o140000;

/** Whether a file was made without a name (O_TMPFILE), and can be made so again. */
export function isUnnamed({ flags, remap }: PathFile): boolean {
  return (flags & __O_TMPFILE) !== 0 && remap?.kind === "ghost";
}

/** Adds an opening of a file without a name. */
export function planGhostOpening(
  planner: FilePlanner,
  file: PathFile,
  { ghost, holder, ...opening }: Opening & { readonly ghost: GhostFile; readonly holder: string },
): void {
  if ((ghost.mode & S_IFMT) === S_IFSOCK) {
    return planner.refuse(`${holder}, ${JSON.stringify(file.path)}`, "a socket without a name cannot be opened");
  }
  const seen = planner.seenFrom(file.mount);
  const draft: GhostDraft = planner.ghosts.get(ghost.id) ?? { ghost, names: new Map(), openings: [], seen };
  if (draft.seen.namespace !== seen.namespace) return planSeen(planner, { draft, file, opening, holder });
  const name = planName(planner, file, holder);
  if (name === undefined) return;
  planner.ghosts.set(ghost.id, draft);
  draft.names.set(name.path, name);
  // The one that makes the file comes first.
  if ((opening.flags & __O_TMPFILE) !== 0) draft.openings.unshift({ ...opening, path: name.path });
  else draft.openings.push({ ...opening, path: name.path });
}

/** Adds an opening in another mount namespace, where no name is made: one of those that are made has to be seen there. */
function planSeen(
  planner: FilePlanner,
  { draft, file, opening, holder }: {
    readonly draft: GhostDraft;
    readonly file: PathFile;
    readonly opening: Opening;
    readonly holder: string;
  },
): void {
  const path = nameOf(planner, file);
  const { namespace: seenIn } = planner.seenFrom(file.mount);
  if (!isUnnamed(file) && isSeen(planner, draft, { path, namespace: seenIn })) {
    draft.openings.push({ ...opening, path, seenIn });
    return;
  }
  planner.refuse(
    `${holder}, ${JSON.stringify(file.path)}`,
    "it has no name, and is open in several mnt namespaces that do not see the same one",
  );
}

function isSeen(
  { options: { places } }: FilePlanner,
  { names, seen }: GhostDraft,
  { path, namespace }: { readonly path: string; readonly namespace: number },
): boolean {
  const place = places?.placeKey(path, namespace);
  return [...names.keys()].some((name) => places?.placeKey(name, seen.namespace) === place);
}

/** Plans all files without a name, when all their openings are known. */
export function planGhosts(planner: FilePlanner): GhostStep[] {
  const drafts = [...planner.ghosts.values()];
  const inside = new Map<GhostDraft, GhostDraft[]>();
  const outermost: GhostDraft[] = [];
  for (const draft of drafts) {
    const directory = directoryOf(drafts, draft);
    if (directory === undefined) outermost.push(draft);
    else inside.set(directory, [...inside.get(directory) ?? [], draft]);
  }
  const stepOf = (draft: GhostDraft, made: ReadonlySet<string>): GhostStep => {
    const names = [...draft.names.values()];
    const nowMade = new Set([...made, ...names.flatMap(({ path, parents }) => [path, ...parents])]);
    return {
      kind: "make-ghost",
      what: names[0]?.path ?? "",
      ghost: draft.ghost,
      names: names.map(({ path, parents }) => ({ path, parents: parents.filter((parent) => !made.has(parent)) })),
      openings: draft.openings,
      ...draft.seen.step,
      inside: (inside.get(draft) ?? []).map((other) => stepOf(other, nowMade)),
    };
  };
  return outermost.map((draft) => stepOf(draft, new Set()));
}

/** The innermost ghost directory that a ghost was in with all its names. */
function directoryOf(drafts: readonly GhostDraft[], { names, seen }: GhostDraft): GhostDraft | undefined {
  const paths = [...names.keys()];
  const length = (draft: GhostDraft) => pathOf(draft).length;
  return drafts
    .filter((draft) => draft.seen.namespace === seen.namespace)
    .filter((draft) => isDirectory(draft) && paths.every((path) => path.startsWith(`${pathOf(draft)}/`)))
    .reduce<GhostDraft | undefined>((best, draft) => (
      best === undefined || length(draft) > length(best) ? draft : best
    ), undefined);
}

/** Of a directory: those have one name. */
function pathOf({ names }: GhostDraft): string {
  return [...names.keys()][0] ?? "";
}

function isDirectory({ ghost }: GhostDraft): boolean {
  return (ghost.mode & S_IFMT) === S_IFDIR;
}
