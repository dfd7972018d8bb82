/** A restore that is interrupted anywhere leaves nothing, or everything. */
import { deepEqual as assertEquals, equal as assertEqual, ok as assert } from "node:assert/strict";
import type { ControllerDescription, ImagesDescription, TaskDescription } from "../support/build_images.ts";
import { writeImages } from "../support/build_images.ts";
import {
  choosePids,
  describeCgroups,
  describePlace,
  describeTraces,
  killTasks,
  listAgents,
  taskExists,
  type Traces,
  waitUntil,
} from "../support/kernel_state.ts";
import { OwnCgroups } from "../support/own_cgroups.ts";
import { describeRun, type Run, runCgrestore, spawnCgrestore } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";

const TASKS = 300;
const GROUPS = ["one", "two", "three"] as const;
/** A VM shows that it is so with its cgroups, too; every moment takes its time there. */
const inVm = Deno.env.has("CGRESTORE_VM");
/** How many moments of a run each signal is sent at. */
const MOMENTS = inVm ? 5 : 16;
/** How often a signal is sent once the tasks run, and within how many milliseconds: cgrestore takes some to end. */
const LATE_ROUNDS = inVm ? 5 : 20;
const LATE_MS = 8;
/** Of placeholders, with nothing told but errors. */
const RESTORE = ["restore", "--placeholders", "-v1"];

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  const name = `${signal} during a restore leaves nothing behind`;
  Deno.test({
    name,
    ...requires(name, "root"),
    async fn(t) {
      using own = new OwnCgroups();
      const images = await Deno.makeTempDir({ prefix: "cgr-" });
      const scene = prepare(own, images);
      try {
        const begin = performance.now();
        assertEqual((await runCgrestore(rehearsing(scene))).err, "");
        const duration = performance.now() - begin;
        for (let moment = 1; moment <= MOMENTS; moment++) {
          const delay = duration * (0.15 + 0.85 * moment / MOMENTS);
          await t.step(`after ${Math.round(100 * delay / duration)} % of its time`, async () => {
            try {
              if (signal === "SIGKILL") await checkKilled(scene, delay);
              else await checkInterrupted(scene, { signal, delay });
            } finally {
              await reset(scene);
            }
          });
        }
      } finally {
        await killTasks(scene.pids, own.id);
        await Deno.remove(images, { recursive: true });
      }
    },
  });
}

const LATE_NAME = "a signal that comes when the tasks run changes nothing";

Deno.test({
  name: LATE_NAME,
  ...requires(LATE_NAME, "root"),
  async fn() {
    const images = await Deno.makeTempDir({ prefix: "cgr-" });
    try {
      // In a pid namespace of its own, so that it can be repeated at once.
      writeImages(images, { tasks: [{ pid: 1 }] });
      for (let round = 0; round < LATE_ROUNDS; round++) await checkLateSignal(images, LATE_MS * round / LATE_ROUNDS);
    } finally {
      await Deno.remove(images, { recursive: true });
    }
  },
});

/** Sends a signal when cgrestore has told its result, `delay` milliseconds later, unless it has ended by then. */
async function checkLateSignal(images: string, delay: number): Promise<void> {
  const child = spawnCgrestore([...RESTORE, "--images", images, "--manage-cgroups=ignore", "--json"]);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const result = JSON.parse(new TextDecoder().decode(value));
  try {
    await new Promise((resolve) => setTimeout(resolve, delay));
    killUnlessEnded(child, "SIGTERM");
    await Promise.all([reader.cancel(), child.stderr.cancel()]);
    assertEqual((await child.status).code, 0, `after ${delay} ms`);
  } finally {
    Deno.kill(result.restore.rootPid, "SIGKILL");
  }
}

function killUnlessEnded(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended.
    assert(error instanceof TypeError || error instanceof Deno.errors.NotFound);
  }
}

interface Scene {
  readonly own: OwnCgroups;
  readonly images: string;
  readonly pids: readonly number[];
  /** Before any restore. */
  readonly before: State;
}

interface State {
  readonly traces: Traces;
  readonly cgroups: ReturnType<typeof describeCgroups>;
}

/** A checkpoint whose topmost cgroup exists here, with other values than were dumped. */
function prepare(own: OwnCgroups, images: string): Scene {
  // Where there is v2 only, it stays that way.
  if (own.hierarchies.some(({ name }) => name !== "")) own.mountNamed("a");
  const top = `/${own.id}`;
  for (const { name: hierarchy } of own.hierarchies) own.make({ hierarchy, path: top });
  const base = choosePids(TASKS);
  writeImages(images, describeImages(own, base));
  const pids = Array.from({ length: TASKS }, (_, index) => base + index);
  return { own, images, pids, before: describeState(own, pids) };
}

function describeImages(own: OwnCgroups, base: number): ImagesDescription {
  const names = own.hierarchies.map(({ name }) => name);
  const inAll = (path: string) => Object.fromEntries(names.map((name) => [name, path]));
  const outside = Object.fromEntries(
    describePlace("/proc/self/cgroup").map((line) => line.split(":", 2) as [string, string]),
  );
  const groups = GROUPS.map((group, index) => ({ id: index + 3, members: inAll(`/${own.id}/${group}`) }));
  return {
    rootCgSet: 1,
    sets: [{ id: 1, members: outside }, { id: 2, members: inAll(`/${own.id}`) }, ...groups],
    controllers: names.map((name) => describeController(name, own.id)),
    tasks: Array.from({ length: TASKS }, (_, index) => describeTask(base, index)),
  };
}

/** Ten children of the root, and all others below these; every eleventh group is led by one of them. */
function describeTask(base: number, index: number): TaskDescription {
  const pid = base + index;
  const comm = `task ${index}`;
  if (index === 0) return { pid, comm, set: 2, childSubreaper: true };
  const parent = index <= 10 ? base : base + 1 + index % 10;
  return { pid, parent, comm, set: 2 + index % 4, ...(index % 11 === 0 ? { group: pid } : {}) };
}

function describeController(hierarchy: string, id: string): ControllerDescription {
  const properties = hierarchy.split(",").flatMap((controller) => PROPERTIES[controller] ?? []);
  const permissions = { mode: 0o751, uid: 1000, gid: 1000 };
  const children = GROUPS.map((name) => ({ name, properties, permissions }));
  return { names: [hierarchy], directories: [{ name: id, children, properties, permissions }] };
}

const PROPERTIES: Readonly<Record<string, { name: string; value: string }[]>> = {
  "": [{ name: "cgroup.max.descendants", value: "77" }],
  pids: [{ name: "pids.max", value: "700" }],
  cpu: [{ name: "cpu.shares", value: "333" }],
  memory: [{ name: "memory.limit_in_bytes", value: "1073741824" }],
  cpuset: [{ name: "cpuset.cpus", value: "0" }, { name: "cpuset.mems", value: "0" }],
};

function rehearsing({ images }: Scene): string[] {
  return [...RESTORE, "--images", images, "--manage-cgroups=soft", "--rehearse"];
}

async function checkInterrupted(scene: Scene, sent: { signal: Deno.Signal; delay: number }): Promise<void> {
  const { own, images, pids } = scene;
  const args = [...RESTORE, "--images", images, "--manage-cgroups=full", "--restore-detached"];
  const run = await runAndSignal(args, sent);
  if (run.code === 0) {
    assertEquals(pids.filter((pid) => !taskExists(pid)), [], "a restore that ends well has made every task");
    return;
  }
  assertEqual(run.code, sent.signal === "SIGINT" ? 130 : 143, run.err);
  assertEquals(describeState(own, pids), scene.before);
}

async function checkKilled(scene: Scene, delay: number): Promise<void> {
  const { own, pids, before } = scene;
  await runAndSignal(rehearsing(scene), { signal: "SIGKILL", delay });
  await waitForDeaths(pids);
  const { traces, cgroups } = describeState(own, pids);
  assertEquals({ ...traces, cgroups: [] }, { ...before.traces, cgroups: [] });
  const existed = new Set(before.cgroups.map(({ name }) => name));
  assertEquals(cgroups.filter(({ name }) => existed.has(name)), before.cgroups);

  const again = await runCgrestore([...RESTORE, "--images", scene.images, "--restore-detached"]);
  assertEqual(again.err, "");
  assertEqual(again.code, 0);
  assertEquals(pids.filter((pid) => !taskExists(pid)), []);
}

/** Runs cgrestore and sends it a signal, unless it has ended by then. */
async function runAndSignal(args: string[], { signal, delay }: { signal: Deno.Signal; delay: number }): Promise<Run> {
  const child = spawnCgrestore(args);
  const timer = setTimeout(() => killUnlessEnded(child, signal), delay);
  const run = describeRun(await child.output());
  clearTimeout(timer);
  return run;
}

/** Tasks that the kernel kills with their tracer need a moment to be gone, and so do the agents that make them. */
async function waitForDeaths(pids: readonly number[]): Promise<void> {
  await waitUntil(() => !pids.some(taskExists) && listAgents().length === 0, "tasks or agents are still there");
}

/** Takes away what a restore has made, or has left behind by mistake. */
async function reset({ own, pids }: Scene): Promise<void> {
  await killTasks(pids, own.id);
  await waitForDeaths(pids);
  // Full restores also change the cgroup that was there.
  own.remove();
  for (const { name: hierarchy } of own.hierarchies) own.make({ hierarchy, path: `/${own.id}` });
}

function describeState(own: OwnCgroups, pids: readonly number[]): State {
  return { traces: describeTraces(own.id, pids), cgroups: describeCgroups(own.hierarchies, `/${own.id}`) };
}
