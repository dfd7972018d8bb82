/** Containers of runc, and of crun, podman's runtime, which restore them through cgrestore instead of CRIU. */
import { runProgram } from "./support/live_tree.ts";
import { finishWithCriu, restoreAndFinish, testContainer } from "./support/test_container.ts";

for (const runtime of ["runc", "crun"] as const) {
  for (const hasTerminal of [false, true]) {
    const name = `a container of ${runtime} with ${hasTerminal ? "a terminal" : "pipes"}`;
    testContainer(name, { runtime, hasTerminal }, async (container) => {
      await restoreAndFinish(container, await container.cgrestore());
      await finishWithCriu(container);
    });
  }
}

for (const hasTerminal of [false, true]) {
  const name = `a container of runc with users of its own, and ${hasTerminal ? "a terminal" : "pipes"}`;
  testContainer(name, { runtime: "runc", hasTerminal, hasUsers: true }, async (container) => {
    await restoreAndFinish(container, await container.cgrestore());
    // CRIU opens some of the images as a user inside.
    await runProgram(["chmod", "-R", "a+rX", `${container.directory}/images`]);
    await finishWithCriu(container);
  });
}
