/** Containers of runc, and what is in their net namespaces. */
import { criuPath } from "../support/skip.ts";
import { restoreAndFinish, testContainer } from "./support/test_container.ts";

const WITH_NETWORK = { hasTerminal: false, hasNetwork: true, needs: ["iproute2"] } as const;

testContainer("a container of runc with the loopback device", WITH_NETWORK, async (container) => {
  await restoreAndFinish(container, await container.cgrestore());
  await restoreAndFinish(container, criuPath());
});
