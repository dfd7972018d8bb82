/** Real checkpoints are restored, as placeholders, on kernels with the layout of cgroups they were made with. */
import { deepEqual as assertEquals, equal as assertEqual, ok as assert } from "node:assert/strict";
import { compareProperty } from "../../lib/verify/compare_property.ts";
import { type CgroupState, describeCgroups, describeHierarchies, describeTasks } from "../support/kernel_state.ts";
import {
  describeTraces,
  killTasks,
  listCgroups,
  removeCgroup,
  type TaskState,
  waitUntil,
} from "../support/kernel_state.ts";
import { runCgrestore } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";

const CHECKPOINTS = new URL("../fixtures/checkpoints/", import.meta.url).pathname;
/** All checkpoints have their tasks at and below this cgroup. */
const TOP = "job";
/** Of placeholders, with nothing told but errors. */
const RESTORE = ["restore", "--placeholders", "-v1"];

const NAME = "restores real checkpoints on the kind of host they are from";

Deno.test({
  name: NAME,
  ...requires(NAME, "root", "vm"),
  async fn(t) {
    const mode = Deno.env.get("CGRESTORE_VM") ?? "";
    const names = [...Deno.readDirSync(CHECKPOINTS)].map(({ name }) => name).filter((name) =>
      name.startsWith(`${mode}-`)
    );
    assert(names.length > 0, `there are checkpoints of "${mode}"`);
    for (const name of names.sort()) await t.step(name, () => checkRestore(`${CHECKPOINTS}${name}`));
  },
});

const FROM_V1 = "restores checkpoints of hosts with cgroup v1 where there is v2 only";

Deno.test({
  name: FROM_V1,
  ...requires(FROM_V1, "root", "vm", "v2-only"),
  async fn(t) {
    for (const name of ["hybrid-criu4", "hybrid-siblings-criu4", "v1-criu4", "v1-siblings-criu4"]) {
      await t.step(name, () => checkConversion(name, checkUnified));
    }
  },
});

const FROM_V2 = "restores checkpoints of hosts with cgroup v2 where there is v1 only";

Deno.test({
  name: FROM_V2,
  ...requires(FROM_V2, "root", "vm", "v1-only"),
  async fn(t) {
    for (const name of ["v2-criu4", "v2-siblings-criu4"]) {
      await t.step(name, () => checkConversion(name, checkEveryHierarchy));
    }
  },
});

async function checkConversion(
  name: string,
  checkPlaces: (places: readonly (readonly string[])[], inner: string) => void,
): Promise<void> {
  await checkTree(`${CHECKPOINTS}${name}`, {
    check: (tasks) =>
      checkPlaces(tasks.map(({ threads }) => threads[0]!.cgroups), name.includes("-siblings-") ? "p" : ""),
    cleanUp: () => removeHiddenHierarchy("net_cls,net_prio"),
  });
}

/** What v2 has for the limits that all of these checkpoints have. */
const CONVERTED_LIMITS = [
  ["c1/cpu.max", "50000 100000"],
  ["c1/cpu.weight", "174"],
  ["c1/memory.low", "104857600"],
  ["c1/memory.max", "134217728"],
  ["c1/pids.max", "16"],
  ["c2/cpu.weight", "59"],
  ["c2/cpuset.cpus", "0"],
] as const;

/** Tasks are in leaves; what v2 does not have is kept. */
function checkUnified(places: readonly (readonly string[])[], inner: string): void {
  assertEquals(
    places.map((lines) => lines.filter((line) => line.startsWith(":"))),
    [inner || "leaf", "c1", "c2"].map((name) => [`:/${TOP}/${name}`]),
  );
  assert(places[1]!.includes(`net_cls,net_prio:/${TOP}/c1`));
  for (const [file, value] of CONVERTED_LIMITS) {
    assertEqual(readText("/sys/fs/cgroup", `${TOP}/${file}`).trim(), value, file);
  }
}

/** Hierarchies without controllers are none of v2's. */
function checkEveryHierarchy(places: readonly (readonly string[])[], inner: string): void {
  const expected = [`/${TOP}${inner && `/${inner}`}`, `/${TOP}/c1`, `/${TOP}/c2`];
  for (const [index, lines] of places.entries()) {
    const found = lines.filter((line) => !line.startsWith("name=") && !line.startsWith(":"));
    assert(found.length > 8);
    assertEquals(found.filter((line) => !line.endsWith(`:${expected[index]}`)), []);
  }
}

/** It is mounted nowhere; the kernel forgets it when it is unmounted with no cgroup in it, which takes these a while. */
async function removeHiddenHierarchy(controllers: string): Promise<void> {
  if (describeHierarchies().some(({ name }) => name === controllers)) return;
  const mountPoint = Deno.makeTempDirSync();
  await waitUntil(() => {
    run("mount", ["-t", "cgroup", "-o", controllers, "cgroup", mountPoint]);
    for (const path of listCgroups(mountPoint, `/${TOP}`).reverse()) removeCgroup(`${mountPoint}${path}`);
    run("umount", [mountPoint]);
    return !describeTraces(TOP, []).hierarchies.includes(controllers);
  }, `the hierarchy ${controllers} stays`);
  Deno.removeSync(mountPoint);
}

function run(command: string, args: string[]): void {
  const { code, stderr } = new Deno.Command(command, { args, stdout: "null" }).outputSync();
  assertEqual(new TextDecoder().decode(stderr), "");
  assertEqual(code, 0);
}

async function checkRestore(images: string): Promise<void> {
  const { mounts } = describeTraces(TOP, []);
  await checkTree(images, {
    check(tasks) {
      assertEquals(tasks.map(describePlaces), expectedPlaces(images));
      compareCgroups(images, describeCgroups(describeHierarchies(), `/${TOP}`));
      compareValues(images);
      assertEquals(describeTraces(TOP, []).mounts, mounts);
    },
  });
}

/** Restores a checkpoint, has its tasks checked, and rehearses it. */
async function checkTree(
  images: string,
  { check, cleanUp }: {
    readonly check: (tasks: readonly TaskState[]) => void;
    /** When tasks and cgroups are gone. */
    readonly cleanUp?: () => Promise<void>;
  },
): Promise<void> {
  const pids = readText(images, "meta/pids").trim().split(" ").map(Number);
  const before = describeTraces(TOP, pids);
  assertEquals({ pids: before.pids, cgroups: before.cgroups }, { pids: [], cgroups: [] }, "the host is clean");
  try {
    const run = await runCgrestore([...RESTORE, "--images", images, "--restore-detached"]);
    assertEqual(run.err, "");
    assertEqual(run.code, 0);
    const tasks = describeTasks(pids, () => true);
    assertEquals(tasks.map(describeFamily), expectedFamily(images));
    check(tasks);
  } finally {
    await killTasks(pids, TOP);
    removeCgroups();
    await cleanUp?.();
  }
  assertEquals(describeTraces(TOP, pids), before);

  const rehearsal = await runCgrestore([...RESTORE, "--images", images, "--rehearse"]);
  assertEqual(rehearsal.err, "");
  assertEqual(rehearsal.code, 0);
  assertEquals(describeTraces(TOP, pids), before);
}

function readText(images: string, name: string): string {
  return Deno.readTextFileSync(`${images}/${name}`);
}

interface PstreeEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
}

function expectedFamily(images: string): PstreeEntry[] {
  const { entries } = JSON.parse(readText(images, "meta/pstree.json")) as { entries: PstreeEntry[] };
  return entries.map(({ pid, ppid, pgid, sid }) => ({ pid, ppid, pgid, sid }));
}

/** The root's parent is not in the checkpoint. */
function describeFamily({ pid, parent, group, session }: TaskState, index: number): PstreeEntry {
  return { pid, ppid: index === 0 ? 0 : parent, pgid: group, sid: session };
}

/** Pid and `/proc/PID/cgroup`, sorted. */
type TaskPlace = readonly [pid: number, places: readonly string[]];

function describePlaces({ pid, threads }: TaskState): TaskPlace {
  return [pid, threads[0]!.cgroups];
}

/** From pairs of lines: `-- pid PID: COMMAND`, and the file's lines in one. */
function expectedPlaces(images: string): TaskPlace[] {
  const text = readText(images, "meta/proc-cgroup.before.txt");
  return [...text.matchAll(/^-- pid (\d+):.*\n(.*)$/gm)].map(([, pid, lines]): TaskPlace => [
    Number(pid),
    lines!.trim().split(" ").map((line) => line.replace(/^\d+:/, "")).sort(),
  ]);
}

interface DumpedDirectory {
  readonly dir_name: string;
  readonly children?: readonly DumpedDirectory[];
  readonly properties?: readonly { name: string; value: string; perms?: DumpedPermissions }[];
  readonly dir_perms?: DumpedPermissions;
}

interface DumpedPermissions {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Every cgroup and every property in the image, as the kernel shows them now. */
function compareCgroups(images: string, actual: readonly CgroupState[]): void {
  const found = new Map(actual.map((state) => [state.name, state]));
  const expected = expectedCgroups(images);
  assert(expected.length > 0);
  for (const { value, ...state } of expected) {
    const { value: actualValue, ...actualState } = found.get(state.name) ?? {};
    assertEquals(actualState, state);
    // Lists of tasks are dumped empty.
    if (value === undefined || actualValue === undefined) continue;
    const file = state.name.slice(state.name.lastIndexOf("/") + 1);
    assert(compareProperty(file, value, actualValue), `${state.name} is "${actualValue}", was "${value}"`);
  }
}

function expectedCgroups(images: string): CgroupState[] {
  const { entries } = JSON.parse(readText(images, "meta/cgroup.json")) as {
    entries: { controllers: { cnames: string[]; dirs: DumpedDirectory[] }[] }[];
  };
  return entries.flatMap(({ controllers }) =>
    controllers.flatMap(({ cnames, dirs }) => dirs.flatMap((dir) => expectedNodes(`${cnames.join(",")}:`, dir)))
  );
}

function expectedNodes(above: string, directory: DumpedDirectory): CgroupState[] {
  const name = `${above}/${directory.dir_name}`;
  const children = (directory.children ?? []).flatMap((child) => expectedNodes(name, child));
  const properties = (directory.properties ?? []).map((property) =>
    expectedNode(`${name}/${property.name}`, property.perms, property.value)
  );
  return [expectedNode(name, directory.dir_perms), ...properties, ...children];
}

function expectedNode(name: string, permissions?: DumpedPermissions, value?: string): CgroupState {
  const { mode, uid, gid } = permissions ?? { mode: 0, uid: 0, gid: 0 };
  const node = { name, mode: (mode & 0o7777).toString(8), owner: `${uid}:${gid}` };
  return value === undefined ? node : { ...node, value };
}

/**
 * The limits that were noted at the dump. CRIU saves none of v2; and nothing of a cgroup that is above all tasks, as
 * `/job` is where its children are siblings.
 */
function compareValues(images: string): void {
  if (Deno.env.get("CGRESTORE_VM") === "v2") return;
  const isDumped = (file: string) => !(images.includes("-siblings-") && file.split("/").length === 3);
  const lines = readText(images, "meta/values.before.txt").trim().split("\n");
  const expected = lines.filter((line) => isDumped(line.slice(0, line.indexOf(":"))));
  const actual = expected.map((line) => {
    const file = line.slice(0, line.indexOf(":"));
    return `${file}:${Deno.readTextFileSync(`/sys/fs/cgroup/${file}`).trimEnd()}`;
  });
  assertEquals(actual, expected);
}

function removeCgroups(): void {
  for (const { mountPoint } of describeHierarchies()) {
    for (const path of listCgroups(mountPoint, `/${TOP}`).reverse()) removeCgroup(`${mountPoint}${path}`);
  }
}
