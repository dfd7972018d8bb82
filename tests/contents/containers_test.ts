/** Containers of runc, and of crun, podman's runtime, which restore them through cgrestore instead of CRIU. */
import { criuPath } from "../support/skip.ts";
import { restoreAndFinish, testContainer } from "./support/test_container.ts";

for (const runtime of ["runc", "crun"] as const) {
  for (const hasTerminal of [false, true]) {
    const name = `a container of ${runtime} with ${hasTerminal ? "a terminal" : "pipes"}`;
    testContainer(name, { runtime, hasTerminal }, async (container) => {
      await restoreAndFinish(container, await container.cgrestore());
      await restoreAndFinish(container, criuPath());
    });
  }
}
