/**
 * Containers of podman, which restores them through cgrestore, by both runtimes. podman keeps what it knows of a container
 * that has been dumped, or takes it from an archive, and sets up its network and profile anew for each restore.
 */
import { equal as assertEqual, match as assertMatch, notEqual as assertNotEqual } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { COUNT, dumpCounting, restoreCounting, testCounting } from "./support/counting_container.ts";
import { testLimited } from "./support/limited_container.ts";
import { Podman } from "./support/podman.ts";
import { checkServer, SERVING } from "./support/serving_container.ts";
import { tryCriu } from "./support/try_criu.ts";

/** It has the version of a library in its name. */
const PROFILE = /^containers-default-/;

/**
 * What the runtimes say, and which cgroups they leave, when cgrestore refuses something; and what CRIU has to be told for
 * a container with another name to be in cgroups of its own.
 */
const RUNTIMES = {
  crun: {
    dump: /CRIU checkpointing failed/,
    restore: /CRIU restoring failed/,
    // It makes it before, and leaves it when CRIU fails, too.
    cgroups: (id: string) => [`libpod-${id}`],
    configuration: [],
  },
  runc: {
    dump: /criu failed: type DUMP errno 0/,
    restore: /criu failed: type RESTORE errno 0/,
    cgroups: () => [],
    // For v1 only, it says itself which cgroups are meant instead of those that were dumped.
    configuration: ["manage-cgroups=ignore"],
  },
} as const;

for (const runtime of ["crun", "runc"] as const) {
  const name = `containers of podman with ${runtime}`;
  const { dump, restore, cgroups, configuration } = RUNTIMES[runtime];
  Deno.test({
    name,
    ...requires(name, "root", "vm", "criu", "podman", runtime, "iproute2", "apparmor"),
    async fn(t) {
      await using podman = await Podman.start(runtime);
      await t.step("as they are without options", () => testCounting(podman, { profile: PROFILE, refused: dump }));
      await t.step(
        "with a volume, a tmpfs, limits and a user, without a network",
        () => testLimited(podman, { err: restore, cgroups }),
      );
      // Devices are mounts from outside then, of which crun does not tell CRIU, and that dumps nothing.
      if (runtime === "runc") await t.step("with users of its own", () => testUsers(podman));
      await t.step("with a server, under another name", () => testOther(podman, configuration));
    },
  });
}

/** CRIU would read the images as a user inside, who may not read podman's. */
async function testUsers(podman: Podman): Promise<void> {
  const options = ["--uidmap", "0:100000:65536", "--network", "none"];
  await using container = await podman.runContainer({ options, script: COUNT });
  await restoreCounting(container, await dumpCounting(container));
  assertMatch(Deno.readTextFileSync(`/proc/${await container.pid()}/uid_map`), /^ *0 +100000 +65536\n$/);
}

/** A container is made from what another one was dumped to. */
async function testOther(podman: Podman, configuration: readonly string[]): Promise<void> {
  await using container = await podman.runContainer(SERVING);
  await checkServer(podman, container);
  const archive = `${podman.directory}/exported.tar.zst`;
  await podman.export(container, archive);
  await podman.configureCriu(...configuration);
  for (const restorer of ["cgrestore", "criu"] as const) {
    const make = () => podman.import(archive, { name: "other", restorer });
    await using other = restorer === "criu"
      ? await tryCriu(make, () => podman.attempt(["rm", "--force", "other"]))
      : await make();
    assertNotEqual(other.id, container.id);
    assertEqual(await other.inspect("{{.Name}}"), "other");
    await checkServer(podman, other);
    const init = await other.pid();
    const server = Deno.readTextFileSync(`/proc/${init}/task/${init}/children`).trim();
    for (const pid of [init, server]) {
      assertMatch(Deno.readTextFileSync(`/proc/${pid}/cgroup`), new RegExp(`^0::/.*/libpod-${other.id}\n$`));
    }
  }
}
