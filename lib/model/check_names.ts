import { encodeText } from "../text.ts";
import { cgroupPathProblem } from "./cgroup_path.ts";
import { describeHierarchy } from "./hierarchy.ts";

/** Longest path, with its NUL, that the kernel shows and takes (`PATH_MAX`, linux/limits.h). */
const PATH_MAX = 4096;

/** Longest name of a named hierarchy, with its NUL (`MAX_CGROUP_ROOT_NAMELEN`, linux/cgroup-defs.h). */
const HIERARCHY_NAME_MAX = 64;

/** Names of controllers, and of named hierarchies as `cgroup1_parse_param` of the kernel takes them. */
const CONTROLLER = /^[a-z][a-z0-9_]{0,31}$/;
const NAMED = /^name=[A-Za-z0-9_.-]+$/;

/** What is wrong with the path of a cgroup in an image, or `undefined`. */
export function imagePathProblem(path: string): string | undefined {
  const bytes = byteLength(path);
  if (bytes >= PATH_MAX) return `a path has ${bytes} bytes, more than the ${PATH_MAX - 1} that the kernel takes`;
  return cgroupPathProblem(path);
}

/** What is wrong with the name of a hierarchy in an image, or `undefined`. It goes into the options of mount(2). */
export function hierarchyNameProblem(name: string): string | undefined {
  if (name === "") return undefined;
  const parts = name.split(",");
  for (const [index, part] of parts.entries()) {
    if (parts.indexOf(part) !== index) return `the hierarchy ${JSON.stringify(name)} has "${part}" twice`;
    const last = index === parts.length - 1;
    if (CONTROLLER.test(part) || (last && NAMED.test(part) && part.length < HIERARCHY_NAME_MAX)) continue;
    return `the hierarchy name ${JSON.stringify(name.slice(0, 80))} is not one that the kernel gives`;
  }
  return undefined;
}

/** A hierarchy in the text of a problem; a name that is not sound is quoted, and cut when it is long. */
export function renderHierarchy(name: string): string {
  return hierarchyNameProblem(name) === undefined ? describeHierarchy(name) : JSON.stringify(name.slice(0, 80));
}

/** Length of a text in bytes. */
export function byteLength(text: string): number {
  // deno-lint-ignore no-control-regex -- exactly the range in which bytes and characters are the same
  return /^[\x00-\x7f]*$/.test(text) ? text.length : encodeText(text).length;
}
