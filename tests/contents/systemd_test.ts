/** A container with systemd, whose services have mount namespaces of their own. */
import { equal as assertEqual, notEqual as assertNotEqual, ok as assert } from "node:assert/strict";
import { waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { SystemdContainer } from "./support/systemd_container.ts";

const name = "a container of systemd goes on, with its services";
Deno.test({
  name,
  ...requires(name, "root", "criu", "runc", "systemd", "v2"),
  async fn() {
    await using container = await SystemdContainer.create();
    await container.start();
    assert(container.hasCgroup("empty.slice"));
    await container.checkpoint();
    const { count } = container;
    assert(!container.hasCgroup("empty.slice"));
    await container.restore();
    await container.counts(count + 2);
    const { first, service } = await container.pids();
    const namespace = (pid: number) => Deno.readLinkSync(`/proc/${pid}/ns/mnt`);
    assertNotEqual(namespace(service), namespace(first));
    // It is empty while it is written.
    const last = () => Number(Deno.readTextFileSync(`/proc/${service}/root/tmp/last`));
    await waitUntil(() => last() > count, "the service does not write to its own directory");
    // CRIU does not make it, and so cannot restore systemd, which watches it.
    assert(container.hasCgroup("empty.slice"));
    assertEqual(await container.exec(["systemctl", "is-active", "own.service"]), "active");
    await container.exec(["systemctl", "restart", "own.service"]);
    await container.counts(0);
    assertNotEqual((await container.pids()).service, service);
  },
});
