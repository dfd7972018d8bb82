import type { PathFile } from "../../../model/files/path_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { ExpectedFile } from "../expected_file.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { describeDifference } from "./check_path.ts";

/** Keeps an open file that cgrestore hands to the coordinator, at the same descriptor. */
export interface InheritStep extends StepBase {
  readonly kind: "inherit";
  readonly handle: Handle;
  readonly fd: number;
}

/** A file that the user provides. */
export interface InheritedHandle {
  readonly handle: Handle;
  /** That it is what the user has handed over. */
  readonly expected: ExpectedFile;
}

const O_NOFOLLOW = 0o400000;

/** The file that the user provides for one of these keys (`--inherit-fd`), as it is; `undefined` when there is none. */
export function planInheritedFile(planner: FilePlanner, keys: readonly string[]): InheritedHandle | undefined {
  for (const key of keys) {
    const fd = planner.inherited(key);
    const found = fd === undefined ? undefined : planner.host.inherited.get(fd);
    // One that is not open has been told as a problem.
    if (fd === undefined || found === undefined) continue;
    const { handle, isNew } = planner.handle(`inherited ${fd}`);
    if (isNew) planner.early.push({ kind: "inherit", handle, fd, what: `descriptor ${fd} for ${key}` });
    return { handle, expected: { link: found.name, flags: found.flags } };
  }
  return undefined;
}

/** The handle of a file that was dumped as external: opened again on what the user provides. */
export function planExternalFile(planner: FilePlanner, file: PathFile, holder: string): Handle | undefined {
  const { id, path: key } = file;
  const provided = planInheritedFile(planner, [key]);
  const fd = planner.inherited(key);
  const found = fd === undefined ? undefined : planner.host.inherited.get(fd);
  if (provided === undefined || found === undefined) {
    return planner.refuse(holder, `the external file ${JSON.stringify(key)} is needed: --inherit-fd "fd[N]:${key}"`);
  }
  const difference = describeDifference(planner, file, found);
  if (difference !== undefined) {
    return planner.refuse(`${holder}, ${JSON.stringify(key)} as descriptor ${fd}`, difference);
  }
  // A link that is followed leads to it.
  const flags = file.flags & ~O_NOFOLLOW;
  const position = file.position ?? 0n;
  const handle = planner.fileHandle(id, { link: found.name, flags, position });
  planner.late.push({ kind: "reopen", handle, from: provided.handle, what: key, flags, position });
  return handle;
}

/** Problems with the descriptors that the user wants to be used. */
export function checkInheritedFiles({ options, host, problems }: FilePlanner): void {
  for (const { fd, key } of options.inheritedFiles) {
    if (host.inherited.has(fd)) continue;
    problems.push({ where: `--inherit-fd "fd[${fd}]:${key}"`, what: `cgrestore was started without descriptor ${fd}` });
  }
}

/** What the user wants to be used, and nothing needs. */
export function notesOnInheritedFiles(planner: FilePlanner): string[] {
  return planner.unusedKeys.map((key) => `nothing in the checkpoint is "${key}": that --inherit-fd is not used`);
}
