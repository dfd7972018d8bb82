import type { FileQuestion } from "../../host/host.ts";
import type { PathFile } from "../../model/files/path_file.ts";
import type { Contents } from "../../model/contents.ts";
import { absolutePath, parentOf } from "../../model/files/unix_name.ts";
import { namesOfInterest } from "./files/plan_name.ts";

const O_NOFOLLOW = 0o400000;

/** What planning the files of a checkpoint has to know about this host, by path. */
export function fileQuestions(contents: Contents | undefined): Map<string, FileQuestion> {
  const questions = new Map<string, FileQuestion>();
  const ask: Ask = (path, { buildId, link }) => {
    const known = questions.get(path);
    questions.set(path, { buildId: buildId || known?.buildId === true, link: link || known?.link === true });
  };
  for (const file of contents?.files.values() ?? []) {
    if (file.kind === "path") askForFile(file, ask);
    if (file.kind === "unix" && file.name?.kind === "path") askForSocket(absolutePath(file.name), ask);
  }
  return questions;
}

type Ask = (path: string, question: FileQuestion) => void;

/** What is where a unix socket gets its name. */
function askForSocket(path: string | undefined, ask: Ask): void {
  if (path === undefined) return;
  for (const interest of [path, parentOf(path)]) ask(interest, { buildId: false, link: false });
}

function askForFile(file: PathFile, ask: Ask): void {
  const { path, remap, flags, isExternal } = file;
  if (isExternal) return;
  const asIs = { buildId: file.buildId !== undefined, link: (flags & O_NOFOLLOW) !== 0 };
  switch (remap?.kind) {
    case undefined:
      return ask(path, asIs);
    case "dead-task":
      return;
    case "linked":
      ask(remap.path, asIs);
      break;
    case "ghost":
      break;
  }
  for (const name of namesOfInterest(path)) ask(name, { buildId: false, link: true });
}

/** Pids of tasks that have ended, but of which files in /proc are open; ascending. */
export function deadTasksOf(contents: Contents | undefined): number[] {
  const pids = new Set<number>();
  for (const file of contents?.files.values() ?? []) {
    if (file.kind === "path" && file.remap?.kind === "dead-task") pids.add(file.remap.pid);
  }
  return [...pids].sort((a, b) => a - b);
}
