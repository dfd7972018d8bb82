/** Cgroups that tasks have open are there again when they are opened. */
import { equal as assertEqual } from "node:assert/strict";
import { OwnCgroups } from "../support/own_cgroups.ts";
import { requires } from "../support/skip.ts";
import { inCgroup } from "./support/linked_cgroups.ts";
import { LiveTree } from "./support/live_tree.ts";

const NAME = "a cgroup that is open and has gone is made before it is opened";

Deno.test({
  name: NAME,
  ...requires(NAME, "root", "cc", "criu", "v1"),
  async fn() {
    using own = new OwnCgroups();
    await using tree = await LiveTree.create();
    const hierarchy = own.mountNamed("open");
    const directory = `${own.mountPoint(hierarchy)}/job`;
    own.make({ hierarchy, path: "/job" });
    Deno.symlinkSync(directory, `${tree.directory}/cgroup`);
    await tree.startProgram("open_cgroup", { through: inCgroup(directory) });
    const images = await tree.dump();
    Deno.removeSync(directory);

    const { code, err } = await tree.restore(images);
    assertEqual(err, "");
    assertEqual(code, 0);
    assertEqual(await tree.finish(), "ok");
  },
});
