import { orUndefined } from "../errors.ts";
import { S_IFMT, S_IFREG } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";

const S_IXALL = 0o111;

/** What execvp(3) takes without PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Paths of those of some programs that are found by their names, as execvp(3) finds them. */
export function describePrograms(sys: Sys, names: readonly string[]): Map<string, string> {
  if (names.length === 0) return new Map();
  const directories = (sys.getenv("PATH") ?? DEFAULT_PATH).split(":").map((directory) => directory || ".");
  return new Map(names.flatMap((name) => {
    const path = directories.map((directory) => `${directory}/${name}`).find((path) => isProgram(sys, path));
    return path === undefined ? [] : [[name, path] as const];
  }));
}

function isProgram(sys: Sys, path: string): boolean {
  const mode = orUndefined(["ENOENT", "ENOTDIR", "EACCES", "ELOOP"], () => sys.stat(path).mode) ?? 0;
  return (mode & S_IFMT) === S_IFREG && (mode & S_IXALL) !== 0;
}
