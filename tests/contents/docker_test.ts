/**
 * Containers of Docker, which starts them from checkpoints through cgrestore. Docker keeps what it knows of a container
 * that has been dumped, and sets up its network, cgroups and profile anew for each start.
 */
import {
  deepEqual as assertDeepEqual,
  equal as assertEqual,
  match as assertMatch,
  ok as assert,
} from "node:assert/strict";
import { describeHierarchies, describePlace, waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { describeContained, describeContainedMounts } from "./support/describe_contained.ts";
import { describeUnified, Docker, type DockerContainer } from "./support/docker.ts";

/** Counts from 0 on, a line for each number. */
const COUNT = "i=0; while :; do echo $i; i=$((i + 1)); sleep 0.1; done";
/** Lines to see that it counts. */
const SOME = 3;
const MIB = 2 ** 20;

const STEPS: readonly [what: string, check: (docker: Docker) => Promise<void>][] = [
  ["as they are without options", testDefault],
  ["with a terminal, in the host's network", testTerminal],
  ["with a volume, a tmpfs, limits and a user, without a network", testLimited],
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

async function testDefault(docker: Docker): Promise<void> {
  await using container = await docker.runContainer({ script: COUNT });
  await refuseDump(docker, container);
  const dumped = await dumpCounting(container);
  const { state, length } = dumped;
  assertMatch(state, /^docker-default\n[^]*\nSeccomp:\t2\n/);
  await restoreCounting(container, dumped);
  assertEqual(await container.exec(["cat", "/proc/1/attr/current"]), "docker-default (enforce)");
  await container.stop();
  const before = container.lines.length;
  await container.restore("criu");
  await container.writes(before + SOME);
  assertEqual(container.lines[before], String(length));
  assertEqual(describeContained(await container.pid()), state);
}

/** cgrestore dumps nothing; the container runs on. */
async function refuseDump(docker: Docker, container: DockerContainer): Promise<void> {
  await docker.useAsCriu("cgrestore");
  const { code, err } = await docker.attempt(["checkpoint", "create", container.id, "refused"]);
  assertEqual(code, 1);
  assertMatch(err, /criu failed: type DUMP errno 0/);
}

/** What was there at a dump. */
interface Dumped {
  readonly state: string;
  readonly mounts: string;
  /** The next number to be written. */
  readonly length: number;
}

/** Dumps a container that counts. */
async function dumpCounting(container: DockerContainer): Promise<Dumped> {
  await container.writes(container.lines.length + SOME);
  const pid = await container.pid();
  const [state, mounts] = [describeContained(pid), describeContainedMounts(pid)];
  await container.checkpoint();
  return { state, mounts, length: container.lines.length };
}

/** It goes on counting, and has what it had, when cgrestore has restored it. The host's cgroups are mounted as before. */
async function restoreCounting(container: DockerContainer, { state, mounts, length }: Dumped): Promise<void> {
  const unified = describeUnified();
  await container.restore("cgrestore");
  assertDeepEqual(describeUnified(), unified);
  await container.writes(length + SOME);
  checkCount(container.lines);
  const pid = await container.pid();
  assertEqual(describeContained(pid), state);
  assertEqual(describeContainedMounts(pid), mounts);
}

function checkCount(lines: readonly string[]): void {
  assertDeepEqual(lines, lines.map((_, index) => String(index)));
}

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
  await container.type("typed\n");
  await container.writes(4);
  // The terminal shows what is typed.
  assertDeepEqual(container.lines, ["terminal", "typed", "heard typed", "terminal"]);
}

async function testLimited(docker: Docker): Promise<void> {
  const volume = `${docker.directory}/volume`;
  await Deno.mkdir(volume);
  // For whoever the container runs as.
  await Deno.chmod(volume, 0o777);
  const script = `
    echo kept >/scratch/kept; exec 3>/scratch/open 4>/volume/open; memory=$(head -c ${8 * MIB} /dev/zero | tr '\\0' m)
    i=0; while :; do echo $i >&3; echo $i >&4; echo $i; i=$((i + 1)); sleep 0.1; done
  `;
  const options = [
    ...["--volume", `${volume}:/volume`, "--user", "1000:1000", "--read-only", "--tmpfs", "/scratch:mode=1777"],
    ...["--memory", "64m", "--pids-limit", "50", "--ulimit", "nofile=100:200", "--hostname", "named"],
    ...["--network", "none"],
  ];
  await using container = await docker.runContainer({ options, script });
  const dumped = await dumpCounting(container);
  await Deno.rename(`${volume}/open`, `${volume}/other`);
  await failToRestore(docker, container);
  await Deno.rename(`${volume}/other`, `${volume}/open`);
  await restoreCounting(container, dumped);
  checkLimits(await container.pid());
  assertEqual(await container.exec(["hostname"]), "named");
  for (const file of ["/scratch/open", "/volume/open"]) {
    checkCount((await container.exec(["cat", file])).split("\n"));
  }
  assertEqual(await container.exec(["cat", "/scratch/kept"]), "kept");
}

/** A file is gone that it has open. */
async function failToRestore(docker: Docker, container: DockerContainer): Promise<void> {
  const { code, err } = await container.start("cgrestore");
  assertEqual(code, 1);
  assertMatch(err, /criu failed: type RESTORE errno 0/);
  assertMatch(docker.log(), /Error \(cgrestore\): .*"\/volume\/open": there is no such file/);
  assertEqual(await container.inspect("{{.State.Status}}"), "exited");
  assertDeepEqual(docker.cgroups, []);
}

function checkLimits(pid: number): void {
  assertEqual(readCgroup(pid, { v1: "memory.limit_in_bytes", v2: "memory.max" }), String(64 * MIB));
  assertEqual(readCgroup(pid, { v1: "pids.max", v2: "pids.max" }), "50");
  const charges = readCgroup(pid, { v1: "memory.stat", v2: "memory.stat" });
  const charged = Number(/^(?:anon|total_rss) (\d+)$/m.exec(charges)?.[1]);
  assert(charged >= 8 * MIB, `${charged} bytes are charged for memory`);
}

/** A file of the cgroup of its controller that a task is in. */
function readCgroup(pid: number, file: { readonly v1: string; readonly v2: string }): string {
  const controller = file.v1.slice(0, file.v1.indexOf("."));
  const places = describePlace(`/proc/${pid}/cgroup`).map((line) => line.split(":") as [string, string]);
  const place = places.find(([hierarchy]) => hierarchy.split(",").includes(controller));
  const [name, path] = place ?? places.find(([hierarchy]) => hierarchy === "") ?? ["", "/"];
  const mountPoint = describeHierarchies().find((hierarchy) => hierarchy.name === name)?.mountPoint;
  return Deno.readTextFileSync(`${mountPoint}${path}/${place === undefined ? file.v2 : file.v1}`).trim();
}

async function testServer(docker: Docker): Promise<void> {
  const script = "mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www";
  await using container = await docker.runContainer({ options: ["--init", "--publish", "127.0.0.1::80"], script });
  await checkServer(docker, container);
  await container.checkpoint();
  await container.restore("cgrestore");
  await checkServer(docker, container);
  assertMatch(await container.exec(["ps"]), /^ +1 .*docker-init[^]*^ +\d+ .*httpd -f/m);
}

/** It can be reached on its bridge, and where this host has its port. */
async function checkServer(docker: Docker, container: DockerContainer): Promise<void> {
  const pid = await container.pid();
  await waitUntil(() => isListening(pid), "the server does not listen");
  const address = await container.inspect("{{.NetworkSettings.IPAddress}}");
  for (const host of [address, await docker.run(["port", container.id, "80"])]) {
    assertEqual(await (await fetch(`http://${host}/`)).text(), "served\n");
  }
}

/** Whether somebody in the net namespace of a task listens at port 80, by IPv4 or IPv6 (proc_net_tcp.txt). */
function isListening(pid: number): boolean {
  return ["tcp", "tcp6"].some((file) => /:0050 0+:0000 0A/.test(Deno.readTextFileSync(`/proc/${pid}/net/${file}`)));
}
