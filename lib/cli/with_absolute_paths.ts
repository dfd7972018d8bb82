import type { PlanOptions } from "../plan/plan.ts";
import type { Sys } from "../sys/sys.ts";

/**
 * The invocation with the paths of `--root` and `--external mnt` made absolute: a plan tells of mounts by their paths, and
 * the tasks have another working directory.
 */
export function withAbsolutePaths<T extends { readonly planOptions: PlanOptions }>(sys: Sys, invocation: T): T {
  const { root, external, ...rest } = invocation.planOptions.mounts;
  if ([root, ...external.map(({ path }) => path)].every((path) => path === undefined || path.startsWith("/"))) {
    return invocation;
  }
  const working = sys.readLink("/proc/self/cwd");
  const mounts = {
    ...rest,
    ...root === undefined ? {} : { root: absolute(root, working) },
    external: external.map(({ key, path }) => ({ key, path: absolute(path, working) })),
  };
  return { ...invocation, planOptions: { ...invocation.planOptions, mounts } };
}

/** What leads upwards stays, as a directory on the way may be a symbolic link. */
function absolute(path: string, working: string): string {
  if (path.startsWith("/")) return path;
  const names = `${working}/${path}`.split("/").filter((name) => name !== "" && name !== ".");
  return `/${names.join("/")}`;
}
