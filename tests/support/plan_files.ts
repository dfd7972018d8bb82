/** Small inputs for the planning of open files. */
import type { Problem } from "../../lib/errors.ts";
import type { HostDescriptor, HostFile } from "../../lib/host/host.ts";
import type { Contents } from "../../lib/model/contents.ts";
import type { GhostFile, PathFile } from "../../lib/model/files/path_file.ts";
import type { OpenFile } from "../../lib/model/open_file.ts";
import { FilePlanner, type FilePlannerOptions } from "../../lib/plan/contents/file_planner.ts";
import { buildHost } from "./plan_inputs.ts";
import { PLANNER_OPTIONS, smallContents } from "./small_contents.ts";

export interface PlannerParts {
  readonly contents?: Partial<Contents>;
  /** Files of the host by path; those that are `undefined` are directories. */
  readonly host?: Readonly<Record<string, HostFile | undefined>>;
  readonly inherited?: Readonly<Record<number, HostDescriptor>>;
  readonly kernel?: readonly [number, number];
  readonly options?: Partial<FilePlannerOptions>;
}

/** A planner for open files, with the problems that it will find; a thread has the id 77. */
export function plannerOf(files: readonly OpenFile[], parts: PlannerParts = {}): FilePlanner {
  const { contents, host = {}, inherited = {}, kernel = [6, 18], options } = parts;
  const problems: Problem[] = [];
  const known = Object.entries(host).map(([path, file]) => [path, file ?? DIRECTORY] as const);
  const nothing = smallContents({ threads: [77] });
  return new FilePlanner(
    { ...nothing, ...contents, files: new Map(files.map((file) => [file.id, file])) },
    buildHost({
      files: new Map(known),
      inherited: new Map(Object.entries(inherited).map(([fd, file]) => [Number(fd), file])),
      kernel,
    }),
    problems,
    { ...PLANNER_OPTIONS, ...options },
  );
}

/** `"where: what"` of each problem. */
export function problemsOf({ problems }: FilePlanner): string[] {
  return problems.map(({ where, what }) => `${where}: ${what}`);
}

export const DIRECTORY: HostFile = { mode: 0o040755, size: 4096, device: 0 };
export const REGULAR: HostFile = { mode: 0o100644, size: 10, device: 0 };
export const FIFO: HostFile = { mode: 0o010600, size: 0, device: 0 };

/** A regular file that is open for reading. */
export function pathFile(part: Partial<PathFile> = {}): PathFile {
  return { kind: "path", id: 1, flags: 0, path: "/dir/file", position: 0n, isExternal: false, ...part };
}

/** A regular file without a name, and without content. */
export function ghostFile(part: Partial<GhostFile> = {}): GhostFile {
  return {
    id: 5,
    uid: 1,
    gid: 2,
    mode: 0o100640,
    device: 0,
    size: 0,
    content: { path: "/images/ghost-file-5.img", parts: [] },
    ...part,
  };
}
