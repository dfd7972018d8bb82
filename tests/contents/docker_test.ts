/**
 * Containers of Docker, which starts them from checkpoints through cgrestore. Docker keeps what it knows of a container
 * that has been dumped, and sets up its network, cgroups and profile anew for each start.
 */
import { deepEqual as assertDeepEqual, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { testCounting } from "./support/counting_container.ts";
import { Docker } from "./support/docker.ts";
import { testLimited } from "./support/limited_container.ts";
import { checkServer, SERVING } from "./support/serving_container.ts";

const STEPS: readonly [what: string, check: (docker: Docker) => Promise<void>][] = [
  [
    "as they are without options",
    (docker) => testCounting(docker, { profile: /^docker-default$/, refused: /criu failed: type DUMP errno 0/ }),
  ],
  ["with a terminal, in the host's network", testTerminal],
  [
    "with a volume, a tmpfs, limits and a user, without a network",
    (docker) => testLimited(docker, { err: /criu failed: type RESTORE errno 0/, cgroups: () => [] }),
  ],
  ["with a server and an init process", testServer],
];

const name = "containers of Docker";
Deno.test({
  name,
  ...requires(name, "root", "vm", "criu", "docker", "iproute2", "apparmor"),
  async fn(t) {
    await using docker = await Docker.start();
    for (const [what, check] of STEPS) await t.step(what, () => check(docker));
  },
});

async function testTerminal(docker: Docker): Promise<void> {
  const script = 'test -t 0 && echo terminal; while read line; do echo "heard $line"; test -t 0 && echo terminal; done';
  const options = ["--tty", "--interactive", "--network", "host"];
  await using container = await docker.runContainer({ options, script });
  await container.writes(1);
  await container.checkpoint();
  await container.restore("cgrestore");
  const pid = await container.pid();
  for (const descriptor of [0, 1, 2]) assertMatch(Deno.readLinkSync(`/proc/${pid}/fd/${descriptor}`), /^\/dev\/pts\//);
  assertEqual(Deno.readLinkSync(`/proc/${pid}/ns/net`), Deno.readLinkSync("/proc/self/ns/net"));
  await docker.type(container, "typed\n");
  await container.writes(4);
  // The terminal shows what is typed.
  assertDeepEqual(container.lines, ["terminal", "typed", "heard typed", "terminal"]);
}

async function testServer(docker: Docker): Promise<void> {
  await using container = await docker.runContainer(SERVING);
  await checkServer(docker, container);
  await container.checkpoint();
  await container.restore("cgrestore");
  await checkServer(docker, container);
  assertMatch(await container.exec(["ps"]), /^ +1 .*docker-init[^]*^ +\d+ .*httpd -f/m);
}
