/** What existed before a restore is as before when cgrestore is killed, and the guard that sees to it never stays. */
import { deepEqual, equal, ok as assert } from "node:assert/strict";
import { exists } from "../support/exists.ts";
import { removeCgroup, waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";

const SUBJECT = new URL("../support/guarded_restore.ts", import.meta.url).pathname;
const ROOT = "/sys/fs/cgroup";
const HIERARCHIES = ["cpu", "freezer", "pids"];
/** Where the subject puts itself, so that its guard can be told from others. */
const OWN_HIERARCHY = "cpuacct";
const KILLS = 60;
const NEW = { shares: "444", pids: "100", modes: ["1234:4321 700", "1234:4321 600"] };
type Then = "sleep" | "fail" | "rehearse" | "commit";

/** Cgroups that exist before the restore. */
class Scene implements AsyncDisposable {
  readonly id = `cgr-guard-${crypto.randomUUID().slice(0, 8)}`;
  readonly before: ReturnType<Scene["values"]>;

  constructor() {
    for (const hierarchy of [...HIERARCHIES, OWN_HIERARCHY]) Deno.mkdirSync(`${ROOT}/${hierarchy}/${this.id}`);
    Deno.writeTextFileSync(`${ROOT}/cpu/${this.id}/cpu.shares`, "777");
    this.before = this.values();
  }

  values() {
    const status = (path: string) => {
      const { uid, gid, mode } = Deno.statSync(`${ROOT}/cpu/${this.id}${path}`);
      return `${uid}:${gid} ${((mode ?? 0) & 0o7777).toString(8)}`;
    };
    return {
      shares: Deno.readTextFileSync(`${ROOT}/cpu/${this.id}/cpu.shares`).trim(),
      pids: Deno.readTextFileSync(`${ROOT}/pids/${this.id}/pids.max`).trim(),
      modes: [status(""), status("/cpu.shares")],
    };
  }

  /** Pids of the tasks that the restore has made; zombies are in no cgroup. */
  get tasks(): number[] {
    return membersOf(`pids/${this.id}/new`);
  }

  get guards(): number[] {
    return membersOf(`${OWN_HIERARCHY}/${this.id}`).filter((pid) => commOf(pid) === "cgrestore");
  }

  start(then: Then): Deno.ChildProcess {
    const args = ["run", "-A", "--no-check", SUBJECT, this.id, then];
    return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  }

  /** Waits for the end of all tasks. */
  async tasksEnd(): Promise<void> {
    await waitUntil(() => this.tasks.length === 0, "tasks are left");
  }

  isLeft(): boolean {
    return HIERARCHIES.some((hierarchy) => exists(`${ROOT}/${hierarchy}/${this.id}/new`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (exists(`${ROOT}/freezer/${this.id}/new`)) {
      Deno.writeTextFileSync(`${ROOT}/freezer/${this.id}/new/freezer.state`, "THAWED");
    }
    // The first task of a pid namespace takes all others with it.
    for (const pid of this.tasks.slice(0, 1)) Deno.kill(pid, "SIGKILL");
    await this.tasksEnd();
    for (const hierarchy of [...HIERARCHIES, OWN_HIERARCHY]) {
      if (exists(`${ROOT}/${hierarchy}/${this.id}/new`)) removeCgroup(`${ROOT}/${hierarchy}/${this.id}/new`);
      removeCgroup(`${ROOT}/${hierarchy}/${this.id}`);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function membersOf(cgroup: string): number[] {
  try {
    const text = Deno.readTextFileSync(`${ROOT}/${cgroup}/cgroup.procs`);
    return text.split("\n").filter((line) => line !== "").map(Number);
  } catch (error) {
    // ENODEV comes from a cgroup that is removed while its file is open.
    if (!(error instanceof Deno.errors.NotFound) && !/os error 19\b/.test(String(error))) throw error;
    return [];
  }
}

function commOf(pid: number): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
  } catch (error) {
    // ESRCH comes from a task that ends while its file is open.
    if (!(error instanceof Deno.errors.NotFound) && !/os error 3\b/.test(String(error))) throw error;
    return undefined;
  }
}

/** Reads the subject's output until it has said `word`. */
async function said(child: Deno.ChildProcess, word: string): Promise<void> {
  let text = "";
  for await (const part of child.stdout.values({ preventCancel: true })) {
    text += new TextDecoder().decode(part);
    if (text.includes(word)) return;
  }
  throw new Error(`Cannot go on with the subject: it said ${JSON.stringify(text)}`);
}

function test(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ...requires(name, "root", "v1-apart"),
    async fn() {
      await using scene = new Scene();
      await body(scene);
    },
  });
}

/** Waits until the guard has gone; from then on, values stay. */
async function guardEnds(scene: Scene): Promise<void> {
  await waitUntil(() => scene.guards.length === 0, "the guard stays");
}

async function assertUndone(scene: Scene): Promise<void> {
  await guardEnds(scene);
  deepEqual(scene.values(), scene.before);
  await scene.tasksEnd();
}

test("a SIGKILL when everything has been done: the old values are back, the guard is gone", async (scene) => {
  const child = scene.start("sleep");
  await said(child, "verified");
  deepEqual(scene.values(), NEW);
  const guard = scene.guards.filter((pid) => Deno.readTextFileSync(`/proc/${pid}/status`).includes("TracerPid:\t0\n"));
  equal(guard.length, 1);
  const stat = Deno.readTextFileSync(`/proc/${guard[0]}/stat`).split(") ")[1]?.split(" ") ?? [];
  deepEqual(stat.slice(2, 4), [String(guard[0]), String(guard[0])], "its group and session");
  const files = [...Deno.readDirSync(`/proc/${guard[0]}/fd`)].length;
  equal(files, HIERARCHIES.length + 2);
  child.kill("SIGKILL");
  await end(child);
  await assertUndone(scene);
  equal(scene.isLeft(), false);
});

test("a restore that ends well keeps the new values, and no guard", async (scene) => {
  const { success, stderr } = await scene.start("commit").output();
  assert(success, new TextDecoder().decode(stderr));
  deepEqual(scene.guards, []);
  deepEqual(scene.values(), NEW);
  equal(scene.tasks.length, 3);
});

for (const then of ["fail", "rehearse"] as const) {
  test(`a restore that is undone (${then}) leaves the old values, and no guard`, async (scene) => {
    const { success, stderr } = await scene.start(then).output();
    equal(success, then === "rehearse", new TextDecoder().decode(stderr));
    deepEqual(scene.guards, []);
    deepEqual(scene.values(), scene.before);
    equal(scene.isLeft(), false);
    deepEqual(scene.tasks, []);
  });
}

test("SIGKILLs at random moments leave everything or nothing", async (scene) => {
  const trial = scene.start("commit");
  await said(trial, "started");
  const begin = performance.now();
  await end(trial);
  const duration = performance.now() - begin;
  const counts = { undone: 0, complete: 0 };
  for (let round = 0; round < KILLS; round++) {
    await using again = new Scene();
    const child = again.start("commit");
    // Half of them around the moment from which there is no way back.
    const early = round % 2 === 0;
    await said(child, early ? "started" : "verified");
    await pause((early ? duration : 4) * Math.random());
    killUnlessEnded(child);
    await end(child);
    await guardEnds(again);
    await pause(5); // what dies with its tracer needs a moment
    const isComplete = again.values().shares === NEW.shares;
    counts[isComplete ? "complete" : "undone"]++;
    if (!isComplete) await assertUndone(again);
    else deepEqual([again.tasks.length, again.values()], [3, NEW]);
  }
  console.log(`${counts.undone} undone, ${counts.complete} complete; each may take ${Math.round(duration)} ms`);
});

function killUnlessEnded(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Waits for the end of a subject whose output is of no more use. */
async function end(child: Deno.ChildProcess): Promise<void> {
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  await child.status;
}
