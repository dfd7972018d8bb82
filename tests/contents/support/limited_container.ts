import { equal as assertEqual, match as assertMatch, ok as assert } from "node:assert/strict";
import { assertBecomes } from "../../support/assert_becomes.ts";
import { describeHierarchies, describePlace } from "../../support/kernel_state.ts";
import { checkCount, dumpCounting, restoreCounting } from "./counting_container.ts";
import type { Engine, EngineContainer } from "./engine.ts";

const MIB = 2 ** 20;
/** Limits of the container, in which runtimes put whoever restores it as well. */
const MEMORY = 256 * MIB;
const PROCESSES = "100";
const SCRIPT = `
  echo kept >/scratch/kept; exec 3>/scratch/open 4>/volume/open; memory=$(head -c ${8 * MIB} /dev/zero | tr '\\0' m)
  i=0; while :; do echo $i >&3; echo $i >&4; echo $i; i=$((i + 1)); sleep 0.1; done
`;

/** How an engine tells that a restore was refused. */
export interface Refusal {
  readonly err: RegExp;
  /** The cgroups that its runtime leaves then, whoever restores. */
  cgroups(id: string): string[];
}

/**
 * A container with a volume, a tmpfs, limits and a user, without a network: it is refused when a file is gone that it has
 * open, and restored when that is there.
 */
export async function testLimited(engine: Engine, refusal: Refusal): Promise<void> {
  const volume = `${engine.directory}/volume`;
  await Deno.mkdir(volume);
  // For whoever the container runs as.
  await Deno.chmod(volume, 0o777);
  const options = [
    ...["--volume", `${volume}:/volume`, "--user", "1000:1000", "--read-only", "--tmpfs", "/scratch:mode=1777"],
    ...["--memory", `${MEMORY / MIB}m`, "--pids-limit", PROCESSES, "--ulimit", "nofile=100:200", "--hostname", "named"],
    ...["--network", "none"],
  ];
  await using container = await engine.runContainer({ options, script: SCRIPT });
  const dumped = await dumpCounting(container);
  await Deno.rename(`${volume}/open`, `${volume}/other`);
  await failToRestore(engine, container, refusal);
  await Deno.rename(`${volume}/other`, `${volume}/open`);
  await restoreCounting(container, dumped);
  checkLimits(await container.pid());
  assertEqual(await container.exec(["hostname"]), "named");
  for (const file of ["/scratch/open", "/volume/open"]) {
    checkCount((await container.exec(["cat", file])).split("\n"));
  }
  assertEqual(await container.exec(["cat", "/scratch/kept"]), "kept");
}

/** It is as it was: it has ended, and has no mounts. */
async function failToRestore(engine: Engine, container: EngineContainer, { err, cgroups }: Refusal): Promise<void> {
  // Engines tell it when they have tidied up.
  const state = () => container.inspect("{{.State.Status}}");
  await assertBecomes(state, "exited");
  const before = engine.containerMounts;
  const run = await container.start("cgrestore");
  assert(run.code !== 0);
  assertMatch(run.err, err);
  assertMatch(engine.log(), /Error \(cgrestore\): .*"\/volume\/open": there is no such file/);
  await assertBecomes(state, "exited");
  await assertBecomes(() => engine.cgroups, cgroups(container.id));
  await assertBecomes(() => engine.containerMounts, before);
}

function checkLimits(pid: number): void {
  assertEqual(readCgroup(pid, { v1: "memory.limit_in_bytes", v2: "memory.max" }), String(MEMORY));
  assertEqual(readCgroup(pid, { v1: "pids.max", v2: "pids.max" }), PROCESSES);
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
