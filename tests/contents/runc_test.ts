/** Containers of runc, which restores them through cgrestore instead of CRIU. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { waitUntil } from "../support/kernel_state.ts";
import { criuPath, requires } from "../support/skip.ts";
import { RuncContainer } from "./support/runc_container.ts";

testContainer("a container of runc with pipes", { hasTerminal: false }, async (container) => {
  await restoreAndFinish(container, await container.cgrestore());
  await restoreAndFinish(container, criuPath());
});
testContainer("a container of runc with a terminal", { hasTerminal: true }, async (container) => {
  await restoreAndFinish(container, await container.cgrestore());
  await restoreAndFinish(container, criuPath());
});

testContainer("a container of runc again and again", { hasTerminal: true }, async (container) => {
  for (const criu of [await container.cgrestore(), criuPath(), await container.cgrestore()]) {
    const { code, err } = await container.restore(criu);
    assertEqual(code, 0, err);
    await container.checkpoint();
  }
  await restoreAndFinish(container, await container.cgrestore());
});

testContainer("a container of runc whose hook fails", { hasTerminal: true }, async (container) => {
  await container.edit((config) => config.hooks = { prestart: [{ path: "/bin/false" }] });
  const { code, err } = await container.restore(await container.cgrestore());
  assertEqual(code, 1);
  assertMatch(err, /error running .*hook/);
  assertMatch(container.log(), /Error: Cannot go on after setup-namespaces: the caller has gone/);
  await container.edit((config) => delete config.hooks);
  await restoreAndFinish(container, await container.cgrestore());
});

testContainer("a container of runc that cannot be restored", { hasTerminal: false }, async (container) => {
  await Deno.rename(`${container.directory}/rootfs/holder`, `${container.directory}/rootfs/other`);
  const { code, err } = await container.restore(await container.cgrestore());
  assertEqual(code, 1);
  assertMatch(err, /criu failed: type RESTORE errno 0/);
  assertMatch(container.log(), /Error: .*"\/holder": there is no such file/);
  await Deno.rename(`${container.directory}/rootfs/other`, `${container.directory}/rootfs/holder`);
  await restoreAndFinish(container, await container.cgrestore());
});

/** The images stay, so the same container may be restored again. */
async function restoreAndFinish(container: RuncContainer, criu: string): Promise<void> {
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

function testContainer(
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
