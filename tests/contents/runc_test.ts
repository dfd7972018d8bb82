/** Containers of runc, which restores them through cgrestore instead of CRIU. */
import { criuPath } from "../support/skip.ts";
import { restoreAndFinish, testContainer, WITH_PIPES, WITH_TERMINAL } from "./support/test_container.ts";

testContainer("a container of runc with pipes", WITH_PIPES, async (container) => {
  await restoreAndFinish(container, await container.cgrestore());
  await restoreAndFinish(container, criuPath());
});
testContainer("a container of runc with a terminal", WITH_TERMINAL, async (container) => {
  await restoreAndFinish(container, await container.cgrestore());
  await restoreAndFinish(container, criuPath());
});
