/**
 * Containers as podman and Docker have them: in a net namespace that others have set up, and with a file of the host.
 * What is in its own net namespace, runc leaves to others.
 */
import { equal as assertEqual } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { Container, type ContainerOptions } from "./support/container.ts";
import { networkOf } from "./support/external_network.ts";
import { runProgram } from "./support/live_tree.ts";
import { needsOf } from "./support/test_container.ts";

testNetwork({ runtime: "runc", hasTerminal: false });
testNetwork({ runtime: "crun", hasTerminal: false });

function testNetwork(options: ContainerOptions): void {
  const name = `a container of ${options.runtime} in a net namespace with a name`;
  Deno.test({
    name,
    ...requires(name, ...needsOf(options), "iproute2"),
    async fn() {
      await using container = await Container.create(options);
      const { id } = container;
      await runIp("add", id);
      try {
        await container.edit(({ linux, mounts }) => {
          const network = linux.namespaces.find(({ type }) => type === "network");
          if (network !== undefined) network.path = `/run/netns/${id}`;
          mounts.push({ type: "bind", source: "/etc/passwd", destination: "/etc/passwd", options: ["bind", "ro"] });
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
}

/** Gives a new net namespace a name, or ends it. */
async function runIp(command: "add" | "del", name: string): Promise<void> {
  const { code, err } = await runProgram(["ip", "netns", command, name]);
  assertEqual(code, 0, err);
}
