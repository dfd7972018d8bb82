/** Containers of runc that are restored again and again, or cannot be. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { criuPath } from "../support/skip.ts";
import { restoreAndFinish, testContainer, WITH_PIPES, WITH_TERMINAL } from "./support/test_container.ts";
import { tryCriu } from "./support/try_criu.ts";

testContainer("a container of runc again and again", WITH_TERMINAL, async (container) => {
  const restore = async (criu: string) => {
    const { code, err } = await container.restore(criu);
    assertEqual(code, 0, err);
  };
  await restore(await container.cgrestore());
  await container.checkpoint();
  await tryCriu(() => restore(criuPath()), () => container.remove());
  await container.checkpoint();
  await restore(await container.cgrestore());
  await container.checkpoint();
  await restoreAndFinish(container, await container.cgrestore());
});

testContainer("a container of runc whose hook fails", WITH_TERMINAL, async (container) => {
  await container.edit((config) => config.hooks = { prestart: [{ path: "/bin/false" }] });
  const { code, err } = await container.restore(await container.cgrestore());
  assertEqual(code, 1);
  assertMatch(err, /error running .*hook/);
  assertMatch(
    container.log("restore"),
    /Error \(cgrestore\): Cannot go on after setup-namespaces: the caller has gone/,
  );
  await container.edit((config) => delete config.hooks);
  await restoreAndFinish(container, await container.cgrestore());
});

testContainer("a container of runc whose terminal nobody takes", WITH_TERMINAL, async (container) => {
  const { code, err } = await container.restoreWithoutConsole(await container.cgrestore());
  assertEqual(code, 1, err);
  assertMatch(
    container.log("restore"),
    /Error \(cgrestore\): Cannot go on after orphan-pts-master: the caller has gone/,
  );
  await restoreAndFinish(container, await container.cgrestore());
});

testContainer("a container of runc that cannot be restored", WITH_PIPES, async (container) => {
  await Deno.rename(`${container.directory}/rootfs/holder`, `${container.directory}/rootfs/other`);
  const { code, err } = await container.restore(await container.cgrestore());
  assertEqual(code, 1);
  assertMatch(err, /criu failed: type RESTORE errno 0/);
  assertMatch(container.log("restore"), /Error \(cgrestore\): .*"\/holder": there is no such file/);
  await Deno.rename(`${container.directory}/rootfs/other`, `${container.directory}/rootfs/holder`);
  await restoreAndFinish(container, await container.cgrestore());
});
