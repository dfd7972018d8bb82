import { deepEqual, equal } from "node:assert/strict";
import type { MountOptions, PlanOptions } from "../plan/plan.ts";
import type { Sys } from "../sys/sys.ts";
import { withAbsolutePaths } from "./with_absolute_paths.ts";

const sys = { readLink: (path: string) => path === "/proc/self/cwd" ? "/srv/a" : "" } as Sys;

function invocationWith(root: string | undefined, ...paths: readonly string[]) {
  const external = paths.map((path, index) => ({ key: String(index), path }));
  const mounts: MountOptions = { ...root === undefined ? {} : { root }, external, takesDetected: true };
  return { planOptions: { mounts } as PlanOptions };
}

Deno.test("withAbsolutePaths() puts the working directory before paths that are relative", async (t) => {
  const rows = [
    [["b", "c/d", "/e", "./f/"], ["/srv/a/b", "/srv/a/c/d", "/e", "/srv/a/f"]],
    [["."], ["/srv/a"]],
    [["../b", ".//c/../d"], ["/srv/a/../b", "/srv/a/c/../d"]],
    [[undefined, "b"], [undefined, "/srv/a/b"]],
  ] as const;
  for (const [[root, ...paths], [expectedRoot, ...expected]] of rows) {
    await t.step(String(root), () => {
      deepEqual(withAbsolutePaths(sys, invocationWith(root, ...paths)), invocationWith(expectedRoot, ...expected));
    });
  }
});

Deno.test("withAbsolutePaths() asks for nothing where none is relative", () => {
  for (const invocation of [invocationWith(undefined), invocationWith("/a", "/b")]) {
    equal(withAbsolutePaths({} as Sys, invocation), invocation);
  }
});
