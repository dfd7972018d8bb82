/**
 * Paths of cgroups, in one normal form: absolute from the root of their hierarchy, single slashes, no final slash
 * but for the root itself, no `.` or `..`, no NUL.
 */

import { encodeText } from "../text.ts";

export const ROOT_PATH = "/";

/** Longest name that cgroupfs takes for a directory (`NAME_MAX`, linux/limits.h). */
const NAME_MAX = 255;

/**
 * What is wrong with a path from an image, or `undefined` when it is in normal form.
 *
 * @example
 * ```ts
 * import { ok as assert } from "node:assert/strict";
 * assert(cgroupPathProblem("/a/../b") !== undefined);
 * assert(cgroupPathProblem("/a/b") === undefined);
 * ```
 */
export function cgroupPathProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return `path ${JSON.stringify(path)} is not absolute`;
  if (path === ROOT_PATH) return undefined;
  for (const name of path.slice(1).split("/")) {
    const problem = nameProblem(name);
    if (problem !== undefined) return `path ${JSON.stringify(path)} has ${problem}`;
  }
  return undefined;
}

/** What is wrong with one component of a path or with a file's name, or `undefined`. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "an empty component";
  if (name === "." || name === "..") return `the component "${name}"`;
  if (name.includes("/")) return `a "/" in the name ${JSON.stringify(name)}`;
  if (name.includes("\0")) return `a NUL in the name ${JSON.stringify(name)}`;
  if (encodeText(name).length > NAME_MAX) return `a name of more than ${NAME_MAX} bytes`;
  return undefined;
}

/** `path` with `name` below it; `name` may have several components. */
export function joinPath(path: string, name: string): string {
  return path === ROOT_PATH ? `/${name}` : `${path}/${name}`;
}

/** The parent of `path`, or `undefined` for the root. */
export function parentPath(path: string): string | undefined {
  if (path === ROOT_PATH) return undefined;
  return path.slice(0, path.lastIndexOf("/")) || ROOT_PATH;
}

/** Every cgroup above `path`, from the root down; without `path` itself. */
export function ancestorsOf(path: string): string[] {
  const parent = parentPath(path);
  return parent === undefined ? [] : [...ancestorsOf(parent), parent];
}

/** Whether `path` is `ancestor` or lies below it, by components: `/ab` is not below `/a`. */
export function isAtOrBelow(path: string, ancestor: string): boolean {
  return ancestor === ROOT_PATH || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** `path` as a name to open below the hierarchy's own directory: `"."` for the root, else without the first slash. */
export function relativePath(path: string): string {
  return path === ROOT_PATH ? "." : path.slice(1);
}
