import type { HostFile } from "../../../host/host.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { FilePlanner } from "../file_planner.ts";
import { dependsOnFiles, taskOfPath } from "./task_of_path.ts";

const O_NOFOLLOW = 0o400000;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const PERMISSIONS = 0o777;
/** CRIU keeps build ids in words of so many bytes. */
const WORD = 4;

/**
 * Looks whether a file can be opened here and is still the one that was dumped; what is wrong is told, and
 * `undefined` returned.
 */
export function checkPath(planner: FilePlanner, file: PathFile, holder: string): true | undefined {
  const { path, remap } = file;
  const where = `${holder}, ${JSON.stringify(path)}`;
  const task = taskOfPath(path);
  const covering = planner.options.places?.coveringMount(file);
  if (covering !== undefined) {
    return planner.refuse(
      where,
      `it was opened below the mount ${JSON.stringify(covering.mountPoint)}, which covers it`,
    );
  }
  const removed = planner.options.places?.removedMount(file);
  if (removed !== undefined) {
    return planner.refuse(where, `what the mount ${JSON.stringify(removed.mountPoint)} shows was removed`);
  }
  if (remap?.kind === "ghost") return true;
  if (task !== undefined && dependsOnFiles(path)) {
    return planner.refuse(where, `the files of task ${task} are there only after this would have to be opened`);
  }
  if (remap?.kind === "dead-task") {
    const isTaken = planner.contents.ids.tids.has(remap.pid);
    return isTaken ? planner.refuse(where, `its task has ended, and another one has the pid ${remap.pid} now`) : true;
  }
  if (task !== undefined && (planner.contents.ids.tids.has(task) || planner.deadTasks.has(task))) return true;
  const name = remap?.path ?? path;
  const seen = planner.seenFrom(file.mount);
  if (seen.isUnseen(name)) return true;
  const what = describeDifference(planner, file, foundAs(file, seen.get(name)));
  if (what === undefined) return true;
  return planner.refuse(remap === undefined ? where : `${where}, linked as ${JSON.stringify(name)}`, what);
}

/** Who does not follow links has opened the link itself. */
function foundAs({ flags }: PathFile, found: HostFile | undefined): HostFile | undefined {
  return (flags & O_NOFOLLOW) === 0 ? found : found?.link ?? found;
}

/** How a file differs from the one that was dumped; as CRIU, by size, mode and build id (criu/files-reg.c). */
export function describeDifference(
  { options }: Pick<FilePlanner, "options">,
  file: PathFile,
  found: Pick<HostFile, "mode" | "size" | "buildId"> | undefined,
): string | undefined {
  if (found === undefined) return "there is no such file here";
  const mask = ~(options.skipFileRwxCheck ? PERMISSIONS : 0);
  if (file.mode !== undefined && (file.mode & mask) !== (found.mode & mask)) {
    const isType = ((file.mode ^ found.mode) & S_IFMT) !== 0;
    const hint = isType || options.skipFileRwxCheck ? "" : "; --skip-file-rwx-check lets permissions differ";
    return `its mode is ${octal(found.mode)} here, and was ${octal(file.mode)} at the dump${hint}`;
  }
  const isRegular = (found.mode & S_IFMT) === S_IFREG;
  if (isRegular && file.size !== undefined && file.size !== found.size) {
    return `it has ${found.size} bytes here, and had ${file.size} at the dump`;
  }
  const isChecked = options.fileValidation === "buildid" && file.buildId !== undefined && found.buildId !== undefined;
  if (isChecked && file.buildId !== padded(found.buildId)) {
    return `its build id is ${found.buildId} here, and was ${file.buildId} at the dump`;
  }
  return undefined;
}

/** A build id in hexadecimal, as many bytes long as whole words are. */
function padded(id: string): string {
  return id.padEnd(Math.ceil(id.length / 2 / WORD) * WORD * 2, "0");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(7, "0");
}
