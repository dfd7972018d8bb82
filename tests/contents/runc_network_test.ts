/** A container of runc in a net namespace that others have set up: what is in its own ones, runc leaves to them. */
import { equal as assertEqual } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { networkOf } from "./support/external_network.ts";
import { runProgram } from "./support/live_tree.ts";
import { RuncContainer } from "./support/runc_container.ts";

const NAME = "a container of runc in a net namespace with a name";

Deno.test({
  name: NAME,
  ...requires(NAME, "root", "cc", "criu", "runc", "pid-namespaces", "iproute2"),
  async fn() {
    await using container = await RuncContainer.create({ hasTerminal: false });
    const { id } = container;
    await runIp("add", id);
    try {
      const isNetwork = ({ type }: { type: string }) => type === "network";
      await container.edit(({ linux }) => {
        for (const namespace of linux.namespaces.filter(isNetwork)) namespace.path = `/run/netns/${id}`;
      });
      await container.start();
      const before = networkOf((await container.state()).pid);
      await container.checkpoint();
      const { code, err } = await container.restore(await container.cgrestore());
      assertEqual(code, 0, err);
      assertEqual(networkOf((await container.state()).pid), before);
      assertEqual(await container.finish(), "ok");
    } finally {
      await runIp("del", id);
    }
  },
});

/** Gives a new net namespace a name, or ends it. */
async function runIp(command: "add" | "del", name: string): Promise<void> {
  const { code, err } = await runProgram(["ip", "netns", command, name]);
  assertEqual(code, 0, err);
}
