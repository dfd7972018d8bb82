import type { HostFile } from "../../../host/host.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Opens a file by its name. */
export interface OpenPathStep extends StepBase {
  readonly kind: "open-path";
  readonly handle: Handle;
  readonly path: string;
  readonly flags: number;
  readonly position: number;
}

const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_TRUNC = 0o1000;
/** Flags that would do something to the file when it is opened. */
const ACTS = O_CREAT | O_EXCL | O_TRUNC;

/** The handle of an open file that is opened by its name. */
export function planPath(planner: FilePlanner, file: PathFile, holder: string): Handle | undefined {
  if (refuseStrange(planner, file, holder)) return undefined;
  checkPath(planner, file, holder);
  const { id, path, flags, position } = file;
  const handle = planner.fileHandle(id, { link: path, object: path, flags, position });
  planner.late.push({ kind: "open-path", handle, what: path, path, flags: flags & ~ACTS | O_NOCTTY, position });
  return handle;
}

/** The handle of a file to map, to run, or to work in, opened as that needs it. */
export function planPathUse(
  planner: FilePlanner,
  file: PathFile,
  { openFlags, holder }: { readonly openFlags: number; readonly holder: string },
): Handle | undefined {
  if (refuseStrange(planner, file, holder)) return undefined;
  const { path } = file;
  const flags = openFlags & ~ACTS | O_NOCTTY;
  const { handle, isNew } = planner.handle(`use ${flags} ${path}`);
  if (!isNew) return handle;
  checkPath(planner, file, holder);
  planner.early.push({ kind: "open-path", handle, what: path, path, flags, position: 0 });
  return handle;
}

/** The handle of /dev/null, to write to. */
export function planNullFile(planner: FilePlanner): Handle {
  const path = "/dev/null";
  const { handle } = planner.handle(`use ${O_WRONLY} ${path}`);
  planner.early.push({ kind: "open-path", handle, what: path, path, flags: O_WRONLY, position: 0 });
  return handle;
}

function refuseStrange(planner: FilePlanner, { isExternal, remap, path }: PathFile, holder: string): boolean {
  if (!isExternal && remap === undefined) return false;
  const what = isExternal ? "an external file" : "a file whose name is gone";
  planner.refuse(`${holder}, ${JSON.stringify(path)}`, `${what} cannot be restored`);
  return true;
}

/** Looks at a file on this host, and tells what is wrong with it. */
function checkPath({ host, problems }: FilePlanner, file: PathFile, holder: string): void {
  const what = describeDifference(file, host.files.get(file.path));
  if (what !== undefined) problems.push({ where: `${holder}, ${JSON.stringify(file.path)}`, what });
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** How a file differs from the one that was dumped; as CRIU, by size, mode and build id (criu/files-reg.c). */
function describeDifference(file: PathFile, found: HostFile | undefined): string | undefined {
  if (found === undefined) return "there is no such file here";
  if (file.mode !== undefined && file.mode !== found.mode) {
    return `its mode is ${octal(found.mode)} here, and was ${octal(file.mode)} at the dump`;
  }
  const isRegular = (found.mode & S_IFMT) === S_IFREG;
  if (isRegular && file.size !== undefined && file.size !== found.size) {
    return `it has ${found.size} bytes here, and had ${file.size} at the dump`;
  }
  if (file.buildId !== undefined && found.buildId !== undefined && file.buildId !== found.buildId) {
    return `its build id is ${found.buildId} here, and was ${file.buildId} at the dump`;
  }
  return undefined;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
