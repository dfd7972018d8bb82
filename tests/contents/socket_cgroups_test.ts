/** Sockets belong to the cgroups of the tasks, to which firewalls and BPF programs look, and not to cgrestore's. */
import { equal as assertEqual } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { linkCgroups } from "./support/linked_cgroups.ts";
import { LiveTree } from "./support/live_tree.ts";
import { OwnNetwork } from "./support/own_network.ts";

/** Options of cgrestore; CRIU knows no other way than its own. */
type Way = readonly string[] | "CRIU";

const WITH_CONNECTIONS = ["--tcp-established"];
const AS_SIBLING = ["--restore-sibling"];

const PROGRAMS: readonly { readonly program: string; readonly ways: readonly Way[] }[] = [
  { program: "socket_cgroups", ways: [[], AS_SIBLING, "CRIU"] },
  // CRIU cannot restore a user namespace without a pid namespace in it.
  { program: "user_sockets", ways: [[], AS_SIBLING] },
];

for (const { program, ways } of PROGRAMS) {
  const name = `${program}: sockets belong to the v2 cgroups of the tasks`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", "v2"),
    async fn(t) {
      await using network = await OwnNetwork.create();
      await using tree = await LiveTree.create({ home: network });
      using _cgroups = linkCgroups(tree.directory, ["first", "second"]);
      await tree.startProgram(program);
      const images = await tree.dump([...WITH_CONNECTIONS, "--network-lock", "skip"]);
      for (const way of ways) {
        await t.step(way === "CRIU" ? way : ["cgrestore", ...way].join(" "), async () => {
          const { code, err } = way === "CRIU"
            ? await tree.restoreWithCriu(images, WITH_CONNECTIONS)
            : await tree.restore(images, [...WITH_CONNECTIONS, ...way]);
          assertEqual(err, "");
          assertEqual(code, 0);
          assertEqual(await tree.finish(), "ok");
          await tree.kill();
        });
      }
    },
  });
}
