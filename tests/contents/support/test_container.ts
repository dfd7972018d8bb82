/** Tests with a container of runc. */
import { equal as assertEqual } from "node:assert/strict";
import { waitUntil } from "../../support/kernel_state.ts";
import { requires } from "../../support/skip.ts";
import { RuncContainer } from "./runc_container.ts";

export const WITH_PIPES = { hasTerminal: false };
export const WITH_TERMINAL = { hasTerminal: true };

/** A test that gets a container which has been dumped. */
export function testContainer(
  what: string,
  options: { readonly hasTerminal: boolean },
  check: (container: RuncContainer) => Promise<void>,
): void {
  Deno.test({
    name: what,
    ...requires(what, "root", "cc", "criu", "runc", "pid-namespaces"),
    async fn() {
      await using container = await RuncContainer.create(options);
      await container.start();
      await container.checkpoint();
      await check(container);
    },
  });
}

/** Restores it, and lets it go on to its end. The images stay, so the same container may be restored again. */
export async function restoreAndFinish(container: RuncContainer, criu: string): Promise<void> {
  container.forget();
  const { code, err } = await container.restore(criu);
  assertEqual(code, 0, err);
  const { pid, status } = await container.state();
  assertEqual(status, "running");
  const cgroups = Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n");
  assertEqual([...new Set(cgroups.map((line) => line.split(":")[2]))].join(), `/${container.id}`);
  await container.type("typed\n");
  assertEqual(await container.finish(), "ok");
  await waitUntil(() => /after/.test(container.output), `it has not written on: ${container.output}`);
  await container.remove();
}
