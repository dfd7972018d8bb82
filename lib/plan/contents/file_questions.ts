import type { FileQuestion } from "../../host/host.ts";
import type { PathFile } from "../../model/files/path_file.ts";
import type { Contents } from "../../model/contents.ts";
import type { PathName } from "../../model/files/unix_socket.ts";
import type { WatchTarget } from "../../model/files/notify_files.ts";
import { absolutePath, asidePath, parentOf } from "../../model/files/unix_name.ts";
import type { MountOptions, PlanOptions } from "../plan.ts";
import { MountPlaces, seenName } from "./namespaces/mount_places.ts";
import { layerKey, layerPaths } from "./namespaces/overlaid_files.ts";
import { hostPathsOf } from "./namespaces/plan_mounts.ts";
import { filesOfNamespaces } from "./namespaces/plan_namespaces.ts";
import { namesOfInterest } from "./files/plan_name.ts";

const O_NOFOLLOW = 0o400000;

/** Whether something is there, and what. */
const EXISTENCE: FileQuestion = { buildId: false, link: false };

/** What planning the files of a checkpoint has to know about this host, by path. */
export function fileQuestions(
  contents: Contents | undefined,
  { mounts, joins }: Pick<PlanOptions, "mounts" | "joins">,
): Map<string, FileQuestion> {
  const questions = new Map<string, FileQuestion>();
  const places = placesOf(contents, mounts);
  for (const { path } of joins) questions.set(path, EXISTENCE);
  for (const path of filesOfNamespaces(contents?.namespaces ?? {})) questions.set(path, EXISTENCE);
  for (const [name, at] of places === undefined ? [] : hostPathsOf(places)) questions.set(name, { ...EXISTENCE, at });
  const put = (name: string, { buildId, link, at }: FileQuestion) => {
    const known = questions.get(name);
    questions.set(name, {
      buildId: buildId || known?.buildId === true,
      link: link || known?.link === true,
      ...at === undefined ? {} : { at },
    });
  };
  const ask: Ask = ({ path, mount }, question) => {
    const namespace = places?.namespaceOf(mount) ?? 0;
    const at = places?.hostPath(path, namespace);
    if (places === undefined || at !== undefined) return put(seenName(path, namespace), { ...question, at });
    for (const { hostPath, isLast } of layerPaths(places, path, namespace)) {
      put(layerKey(hostPath), { ...isLast ? question : EXISTENCE, at: hostPath });
    }
  };
  for (const file of contents?.files.values() ?? []) {
    if (file.kind === "path") askForFile(file, ask);
    if (file.kind === "unix" && file.name?.kind === "path") askForSocket(file.name, ask);
    if (file.kind === "terminal" && file.path !== undefined) ask({ path: file.path }, EXISTENCE);
  }
  for (const target of watchTargets(contents)) if ("path" in target) ask(target, EXISTENCE);
  return questions;
}

/** Where the paths of the tasks lead to; absent where they are those of this host. */
export function placesOf(contents: Contents | undefined, options: MountOptions): MountPlaces | undefined {
  const mounts = contents?.namespaces.mounts ?? [];
  return mounts.length === 0 ? undefined : new MountPlaces(mounts, options);
}

/** A path in the mount namespace of a mount. */
type Place = Pick<PathFile, "path" | "mount">;

type Ask = (place: Place, question: FileQuestion) => void;

/** What is where a unix socket gets its name. */
function askForSocket(name: PathName, ask: Ask): void {
  const path = absolutePath(name);
  if (path === undefined) return;
  for (const interest of [path, asidePath(path), parentOf(path)]) ask({ ...name, path: interest }, EXISTENCE);
}

function askForFile(file: PathFile, ask: Ask): void {
  const { path, remap, flags, isExternal } = file;
  if (isExternal) return;
  const asIs = { buildId: file.buildId !== undefined, link: (flags & O_NOFOLLOW) !== 0 };
  switch (remap?.kind) {
    case undefined:
      return ask(file, asIs);
    case "dead-task":
      return;
    case "linked":
      ask({ ...file, path: remap.path }, asIs);
      break;
    case "ghost":
      break;
  }
  for (const name of namesOfInterest(path)) ask({ ...file, path: name }, { buildId: false, link: true });
}

/** Pids of tasks that have ended, but of which files in /proc are open; ascending. */
export function deadTasksOf(contents: Contents | undefined): number[] {
  const pids = new Set<number>();
  for (const file of contents?.files.values() ?? []) {
    if (file.kind === "path" && file.remap?.kind === "dead-task") pids.add(file.remap.pid);
  }
  return [...pids].sort((a, b) => a - b);
}

/** Everything that inotify and fanotify instances watch. */
export function watchTargets(contents: Contents | undefined): WatchTarget[] {
  return [...contents?.files.values() ?? []].flatMap((file) => {
    if (file.kind === "inotify") return file.watches.map(({ target }) => target);
    return file.kind === "fanotify" ? file.marks.map(({ target }) => target) : [];
  });
}
