/**
 * Trees of tasks are dumped by CRIU, and restored by cgrestore, as placeholders; then the kernel must say the same
 * about them as before, field by field.
 */
import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import {
  type CgroupState,
  choosePids,
  describeCgroups,
  describeTasks,
  describeTraces,
  isHierarchyOf,
  killTasks,
  taskExists,
  type TaskState,
  type Traces,
  waitUntil,
} from "../support/kernel_state.ts";
import { OwnCgroups } from "../support/own_cgroups.ts";
import { runCgrestore } from "../support/run_cgrestore.ts";
import { criuPath, requires } from "../support/skip.ts";
import { type Layout, LAYOUTS, NAMED, placesOf } from "./layouts.ts";
import { type Places, TREES, TreeScript } from "./tree_script.ts";

const NAME = "restores what CRIU dumped";
/** Of placeholders, with nothing told but errors. */
const RESTORE = ["restore", "--placeholders", "-v1"];

Deno.test({
  name: NAME,
  ...requires(NAME, "root", "criu", "v1"),
  async fn(t) {
    const program = await compileTreeProgram();
    for (const [layoutName, buildLayout] of Object.entries(LAYOUTS)) {
      for (const [treeName, buildTree] of Object.entries(TREES)) {
        await t.step(`${treeName}, ${layoutName}`, async () => {
          using own = new OwnCgroups();
          await compareRestored(own, { program, layout: buildLayout(own), buildTree });
        });
      }
    }
    await Deno.remove(program);
  },
});

interface Case {
  /** The compiled `tree_program`. */
  readonly program: string;
  readonly layout: Layout;
  readonly buildTree: (tree: TreeScript) => void;
}

interface Observation {
  readonly tasks: TaskState[];
  readonly cgroups: CgroupState[];
}

async function compareRestored(own: OwnCgroups, { program, layout, buildTree }: Case): Promise<void> {
  for (const cgroup of layout.cgroups) own.make(cgroup);
  const tree = buildScript(placesOf(own, layout), buildTree);
  const images = await Deno.makeTempDir({ prefix: "cgr-" });
  try {
    const dumped = await dumpTree(own, { program, tree, images, layout });
    own.remove();
    if (layout.losesNamed) own.unmount();
    const before = describeTraces(own.id, tree.ids);

    const rehearsal = await runCgrestore([...RESTORE, "--images", images, "--rehearse"]);
    assertEqual(rehearsal.err, "");
    assertEqual(rehearsal.code, 0);
    await hierarchiesEnd(own.id, before);
    assertEquals(describeTraces(own.id, tree.ids), before, "a rehearsal leaves nothing");

    const run = await runCgrestore([...RESTORE, "--images", images, "--restore-detached"]);
    assertEqual(run.err, "");
    assertEqual(run.code, 0);
    if (layout.losesNamed) { for (const suffix of NAMED) own.mountNamed(suffix); }
    // A task that is let go stops as soon as the processor has time for it.
    const countStopped = ({ tasks }: Observation) => tasks.filter(({ state }) => state === "stopped").length;
    await waitUntil(() => countStopped(observe(own, tree, layout)) === countStopped(dumped), "tasks do not stop");
    const restored = observe(own, tree, layout);
    assertSameEntries(restored.tasks, dumped.tasks);
    assertSameEntries(restored.cgroups, dumped.cgroups);
    assertEquals(tree.ids.filter(taskExists).filter((id) => !existsIn(dumped, id)), [], "no other task is left");

    await killTasks(tree.pids, own.id);
    own.remove();
    if (layout.losesNamed) own.unmount();
    assertEquals(describeTraces(own.id, tree.ids), before, "a restore leaves no mount");
  } finally {
    await killTasks(tree.pids, own.id);
    await Deno.remove(images, { recursive: true });
  }
}

/** Builds a script with pids that are free. */
function buildScript(places: Places, buildTree: Case["buildTree"]): TreeScript {
  const draft = new TreeScript(1, places);
  buildTree(draft);
  const tree = new TreeScript(choosePids(draft.ids.length), places);
  buildTree(tree);
  return tree;
}

/** Waits for hierarchies to end: the kernel takes its time after the last mount is gone. */
async function hierarchiesEnd(id: string, { hierarchies }: Traces): Promise<void> {
  await waitUntil(() => describeTraces(id, []).hierarchies.length <= hierarchies.length, "hierarchies are left");
}

/** Compares lists, and shows only what differs. */
function assertSameEntries<T>(actual: readonly T[], expected: readonly T[]): void {
  const texts = (list: readonly T[]) => new Set(list.map((entry) => JSON.stringify(entry)));
  const [left, right] = [texts(actual), texts(expected)];
  assertEquals([...left].filter((text) => !right.has(text)), [...right].filter((text) => !left.has(text)));
}

function existsIn({ tasks }: Observation, id: number): boolean {
  return tasks.some(({ pid, threads }) => pid === id || threads.some(({ tid }) => tid === id));
}

interface Dumping {
  readonly program: string;
  readonly tree: TreeScript;
  readonly images: string;
  readonly layout: Layout;
}

/** Makes the tree, says what it is like, and has CRIU dump and end it. */
async function dumpTree(own: OwnCgroups, { program, tree, images, layout }: Dumping): Promise<Observation> {
  const script = `${images}/script`;
  await Deno.writeTextFile(script, tree.text);
  await using running = new Deno.Command(program, { args: [script], stdin: "null", stdout: "piped" }).spawn();
  try {
    const { value } = await running.stdout.getReader().read();
    assertEqual(new TextDecoder().decode(value), "done\n", "the script is run");
    await waitUntil(() => isQuiet(tree), "the tasks do not come to rest");
    const observation = observe(own, tree, layout);
    await dump(tree.root, images);
    return observation;
  } finally {
    await killTasks(tree.pids, own.id);
    await running.status;
    await Deno.remove(script);
  }
}

/** Whether every task has done what it was told: the last may be about to stop. */
function isQuiet(tree: TreeScript): boolean {
  return describeTasks(tree.pids, () => true).every(({ state, pid }) => state === "alive" === tree.alive.includes(pid));
}

async function dump(root: number, images: string): Promise<void> {
  const args = ["dump", "--tree", String(root), "--images-dir", images, "--log-file", "dump.log", "-v4"];
  const command = new Deno.Command(criuPath(), { args: [...args, "--manage-cgroups=full"], stdin: "null" });
  const { success } = await command.output();
  if (success) return;
  const errors = (await Deno.readTextFile(`${images}/dump.log`)).split("\n").filter((line) => /Error/.test(line));
  throw new Error(`CRIU cannot dump the tree: ${errors.join("\n")}`);
}

/** What is compared: not who the root's parent is, nor cgroups that no image knows. */
function observe(own: OwnCgroups, tree: TreeScript, { isTopDumped }: Layout): Observation {
  const tasks = describeTasks(tree.pids, isHierarchyOf(own.id)).map((task) =>
    task.pid === tree.root ? { ...task, parent: 0 } : task
  );
  // CRIU 4 dumps no lists of tasks of v2, not even their owner and mode.
  const cgroups = describeCgroups(own.hierarchies, `/${own.id}`).filter(({ name }) => !/^:.*cgroup.procs$/.test(name));
  if (isTopDumped) return { tasks, cgroups };
  const places = new Set(tasks.flatMap(({ threads }) => threads.flatMap((thread) => thread.cgroups)));
  return { tasks, cgroups: cgroups.filter(({ name }) => places.has(name) || places.has(name.replace(/\/[^/]*$/, ""))) };
}

async function compileTreeProgram(): Promise<string> {
  const program = await Deno.makeTempFile({ prefix: "cgr-" });
  const source = new URL("tree_program.c", import.meta.url).pathname;
  const options = ["-O1", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"];
  const compiler = new Deno.Command("cc", { args: [...options, "-o", program, source] });
  const { success, stderr } = await compiler.output();
  if (!success) throw new Error(`Cannot compile "${source}": ${new TextDecoder().decode(stderr)}`);
  return program;
}
