/**
 * Measures what users wait for: `deno task bench` (root, cc, the built ./cgrestore; CRIU when it can be installed).
 *
 * (a) start-up; (b) reading and planning of 1, 100 and 10,000 tasks; (c) a star of 400 and of 4,000 tasks in 4 cgroup
 * sets over 5 hierarchies, as placeholders, beside a C program that makes the same tree with the fewest writes and beside
 * `criu restore` of the same 400 tasks, which restores their contents, and cgrestore doing that as well; (d) tasks with
 * their contents beside CRIU. Contenders take turns within one run, since timings drift; medians are compared. Arguments
 * choose parts: `deno task bench a d`.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path/posix";
import { benchContents } from "./bench/contents.ts";
import { innerMilliseconds, median, peakMemory, row, type Sample, timed } from "./bench/samples.ts";
import { writeImages } from "../tests/support/build_images.ts";

const ROUNDS = 7;
const SETS = 4;
const FIRST_PID = findFreePids(4001);
const NAME = `cgr-bench-${Deno.pid}`;
const HIERARCHIES = ["cpu", "cpuset", "memory", "pids", "unified"];
const CGROUPS = "/sys/fs/cgroup";
const CGRESTORE = new URL("../cgrestore", import.meta.url).pathname;

/** The first of `count` pids that nothing has, and that the kernel will not hand out soon: it counts upwards. */
function findFreePids(count: number): number {
  const taken = new Set([...Deno.readDirSync("/proc")].map(({ name }) => Number(name)));
  const last = Number(Deno.readTextFileSync("/proc/sys/kernel/ns_last_pid"));
  const isFree = (pid: number) => !taken.has(pid) && (pid < last || pid > last + 4000);
  for (let first = 2000; first < 28_000; first += 1000) {
    if (Array.from({ length: count }, (_, i) => first + i).every(isFree)) return first;
  }
  throw new Error(`Cannot find ${count} free pids in a row`);
}

/** A star: the root in set 2, its children in turn in sets 2 to 5, over all hierarchies. */
function starImages(directory: string, count: number, firstPid = FIRST_PID): void {
  const member = (index: number) =>
    Object.fromEntries(
      HIERARCHIES.map((hierarchy) => [hierarchy === "unified" ? "" : hierarchy, `/${NAME}/w${index}`]),
    );
  Deno.mkdirSync(directory, { recursive: true });
  writeImages(directory, {
    tasks: Array.from({ length: count + 1 }, (_, i) => ({
      pid: firstPid + i,
      comm: i === 0 ? "master" : "worker",
      set: 2 + i % SETS,
    })),
    sets: Array.from({ length: SETS }, (_, i) => ({ id: 2 + i, members: member(i) })),
    rootCgSet: 1,
  });
}

/** Ends the star that a contender has left, and nothing else, and removes its cgroups. */
function clear(count: number): void {
  const pids = Array.from({ length: count + 1 }, (_, i) => FIRST_PID + i).filter(isOfStar);
  for (const pid of pids) Deno.kill(pid, "SIGKILL");
  const deadline = performance.now() + 30_000;
  while (pids.some(isOfStar)) {
    if (performance.now() > deadline) throw new Error("Cannot end the star");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  for (const hierarchy of HIERARCHIES) {
    for (let i = 0; i < SETS; i++) removeCgroup(join(CGROUPS, hierarchy, NAME, `w${i}`));
    removeCgroup(join(CGROUPS, hierarchy, NAME));
  }
}

/** Whether a pid is that of a task in our cgroups: others may have pids of the star's range. */
function isOfStar(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cgroup`).includes(`:/${NAME}/`);
  } catch {
    // There is no such task, or it ended while its file was read.
    return false;
  }
}

function removeCgroup(path: string): void {
  for (let attempt = 0; exists(path); attempt++) {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (attempt === 100) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function benchStartUp(work: string): void {
  console.log("\n(a) start-up");
  const empty = join(work, "empty.js");
  Deno.writeTextFileSync(empty, "");
  const ours: Sample[] = [];
  const deno: Sample[] = [];
  timed(CGRESTORE, ["version"]);
  for (let i = 0; i < 3 * ROUNDS; i++) {
    ours.push(timed(CGRESTORE, ["version"]));
    deno.push(timed(Deno.execPath(), ["run", "-A", "--no-config", empty]));
  }
  row("cgrestore version", ours);
  row("deno run of an empty file", deno);
}

function benchPlanning(work: string): void {
  console.log("\n(b) reading and planning");
  for (const count of [1, 100, 10_000]) {
    const directory = join(work, `plan-${count}`);
    // A root with pid 1 gets a pid namespace, where 10,000 pids are free.
    starImages(directory, count - 1, 1);
    const planArgs = ["plan", "--placeholders", "--json", "-D", directory];
    const run = () => timed(CGRESTORE, planArgs);
    run();
    const samples = Array.from({ length: ROUNDS }, run);
    row(`${count} tasks, whole process`, samples);
    console.log(`${"".padEnd(34)} ${peakMemory(CGRESTORE, planArgs).toFixed(0)} MiB`);
    const parts = Array.from({ length: ROUNDS }, () => timePlan(directory));
    row(`${count} tasks, reading alone`, parts.map(({ reading }) => ({ wall: reading })));
    row(`${count} tasks, planning alone`, parts.map(({ planning }) => ({ wall: planning })));
  }
}

/** Without the start of the executable and the printing of the plan. */
function timePlan(directory: string): { reading: number; planning: number } {
  const script = new URL("bench/time_plan.ts", import.meta.url).pathname;
  return JSON.parse(
    execFileSync(Deno.execPath(), ["run", "-A", "--no-check", script, directory], { encoding: "utf8" }),
  );
}

function benchStar(work: string, count: number, criu: string | undefined): void {
  console.log(`\n(c) a star of ${count} tasks in ${SETS} sets over ${HIERARCHIES.length} hierarchies`);
  const yardstick = join(work, "star");
  execFileSync("cc", ["-O2", "-static", "-o", yardstick, new URL("bench/star.c", import.meta.url).pathname]);
  const directory = join(work, `star-${count}`);
  const starArgs = [String(FIRST_PID), String(count), String(SETS), NAME, ...HIERARCHIES.map((h) => join(CGROUPS, h))];
  const runC = () => timed(yardstick, starArgs, Number);
  const restoreArgs = ["restore", "--placeholders", "--json", "-D", directory];
  const runOurs = () => timed(CGRESTORE, restoreArgs, innerMilliseconds);
  if (criu === undefined) starImages(directory, count);
  else dumpStar(criu, directory, runC);
  clear(count);
  const results: { name: string; run: () => Sample; samples: Sample[] }[] = [
    { name: "C, fewest writes", run: runC, samples: [] },
    { name: "cgrestore restore --placeholders", run: runOurs, samples: [] },
  ];
  if (criu !== undefined) {
    const run = () => {
      makeTop();
      return timed(criu, criuArgs("restore", directory));
    };
    const runWhole = () => timed(CGRESTORE, ["restore", "--json", "-D", directory], innerMilliseconds);
    results.push({ name: "criu restore -d", run, samples: [] });
    results.push({ name: "cgrestore restore, with contents", run: runWhole, samples: [] });
  }
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      for (const result of results) {
        const sample = result.run();
        if (round > 0) result.samples.push(sample);
        clear(count);
      }
    }
  } finally {
    clear(count);
  }
  for (const { name, samples } of results) row(name, samples);
  console.log(`${"cgrestore, peak memory".padEnd(34)} ${peakMemory(CGRESTORE, restoreArgs).toFixed(0)} MiB`);
  clear(count);
  const [c, ours, theirs, whole] = results.map(({ samples }) => median(samples.map((sample) => sample.wall)));
  const inner = (index: number) => median(results[index]?.samples.flatMap((sample) => sample.inner ?? []) ?? []);
  console.log(
    `cgrestore / C: ${((ours ?? NaN) / (c ?? NaN)).toFixed(2)}; the tree alone: ${(inner(1) / inner(0)).toFixed(2)}`,
  );
  if (theirs === undefined) return;
  console.log(
    `criu / cgrestore: ${(theirs / (ours ?? NaN)).toFixed(1)}, with contents ${(theirs / (whole ?? NaN)).toFixed(1)}`,
  );
}

/** CRIU does not fill the cpuset of a cgroup above those of the tasks, and then fails: here it finds one that is filled. */
function makeTop(): void {
  for (const hierarchy of HIERARCHIES) Deno.mkdirSync(join(CGROUPS, hierarchy, NAME));
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const above = Deno.readTextFileSync(join(CGROUPS, "cpuset", file));
    Deno.writeTextFileSync(join(CGROUPS, "cpuset", NAME, file), above);
  }
}

function dumpStar(criu: string, directory: string, run: () => Sample): void {
  run();
  Deno.mkdirSync(directory, { recursive: true });
  timed(criu, [...criuArgs("dump", directory), "-t", String(FIRST_PID)]);
}

function criuArgs(command: string, directory: string): string[] {
  const common = [command, "-D", directory, "-o", `${command}.log`, "-v0"];
  return command === "restore" ? [...common, "-d"] : common;
}

function findCriu(): string | undefined {
  try {
    const script = new URL("install_criu.ts", import.meta.url).pathname;
    return execFileSync(Deno.execPath(), ["run", "-A", script], { encoding: "utf8" }).trim().split("\n").at(-1);
  } catch (error) {
    console.log(`CRIU cannot be had: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** Parts by their letters; those named on the command line, or all. */
const PARTS: Readonly<Record<string, (work: string) => void | Promise<void>>> = {
  a: benchStartUp,
  b: benchPlanning,
  c: (work) => {
    benchStar(work, 400, findCriu());
    benchStar(work, 4000, undefined);
  },
  d: () => benchContents(CGRESTORE, findCriu()),
};

const work = Deno.makeTempDirSync({ prefix: "cgrestore-bench-" });
try {
  for (const [letter, part] of Object.entries(PARTS)) {
    if (Deno.args.length === 0 || Deno.args.includes(letter)) await part(work);
  }
} finally {
  Deno.removeSync(work, { recursive: true });
}
