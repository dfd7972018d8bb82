/** Containers of crun that cannot be restored. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { restoreAndFinish, testContainer } from "./support/test_container.ts";

const WITH_PIPES = { runtime: "crun", hasTerminal: false } as const;

testContainer("a container of crun that cannot be restored", WITH_PIPES, async (container) => {
  await Deno.rename(`${container.directory}/rootfs/holder`, `${container.directory}/rootfs/other`);
  const { code, err } = await container.restore(await container.cgrestore());
  assertEqual(code, 1);
  assertMatch(err, /^CRIU restoring failed: /m);
  assertMatch(err, /Error \(cgrestore\): .*"\/holder": there is no such file[^]*--- end of excerpt/);
  await Deno.rename(`${container.directory}/rootfs/other`, `${container.directory}/rootfs/holder`);
  // crun keeps what it has noted of it.
  await container.remove();
  await restoreAndFinish(container, await container.cgrestore());
});
