/**
 * A real checkpoint is restored again and again, each time with one call that fails, in cgrestore or in a task: whatever
 * it is, nothing is left.
 */
import { deepEqual as assertEquals, equal as assertEqual, ok } from "node:assert/strict";
import { run } from "../../lib/cli/run.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { type Faults, FaultySys } from "../support/faulty_sys.ts";
import { taskExists } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { compileHolder } from "./support/compile_holder.ts";
import { LiveTree } from "./support/live_tree.ts";

testFaults("several", "what tasks hold");
testFaults("unix_several", "names of sockets");

function testFaults(program: string, what: string): void {
  const name = `restore leaves nothing of ${what} when a call fails`;
  Deno.test({ name, ...requires(name, "root", "cc", "criu"), fn: (t) => failEachCall(t, program) });
}

async function failEachCall(t: Deno.TestContext, program: string): Promise<void> {
  const holder = await compileHolder();
  await using tree = await LiveTree.create();
  await tree.start([holder, "spawn", String(tree.root), program, tree.directory]);
  await tree.ready();
  const images = await tree.dump();
  const whole = restoreWith({}, images);
  assertEqual(whole.output, "");
  assertEqual(whole.status, 0);
  assertEqual(await tree.finish(), "ok");
  await tree.kill();
  const { calls, remoteCalls } = whole.faulty;
  // Before the first tracee, nothing has an effect: those calls have tests of their own.
  const first = calls.indexOf("memfdCreate") + 1;
  const step = (name: string, count: number, faultOf: (n: number) => Faults, { first = 1, stride = 1 } = {}) =>
    t.step(name, async () => {
      try {
        for (let n = first; n <= count; n += stride) await failOnce(tree, images, faultOf(n));
      } finally {
        await tree.kill();
      }
    });
  await step(`each of ${calls.length - first + 1} calls`, calls.length, (n) => ({ failCall: n }), { first });
  await step(`each of ${remoteCalls} remote calls`, remoteCalls, (n) => ({ failRemoteCall: n }));
  await step("a signal before every third call", lastBeforeCommit(calls), (n) => ({ signalAt: n }), {
    first,
    stride: 3,
  });
}

interface Attempt {
  readonly status: number;
  /** What was told on standard error. */
  readonly output: string;
  readonly faulty: FaultySys;
}

function restoreWith(faults: Faults, images: string): Attempt {
  let output = "";
  const faulty = new FaultySys(openLinuxSys(), faults);
  const status = run(["restore", "-D", images, "-v1"], {
    openSys: () => faulty.sys,
    output: { out: () => {}, err: (text) => output += text, isTerminal: false, noColor: true },
  });
  return { status, output, faulty };
}

/** From the first detach on, the tasks run. */
function lastBeforeCommit(calls: readonly string[]): number {
  return calls.indexOf("ptraceDetach");
}

async function failOnce(tree: LiveTree, images: string, faults: Faults): Promise<void> {
  await tree.putDirectoryBack();
  const before = traces(tree);
  const { status, output, faulty } = restoreWith(faults, images);
  const what = `${JSON.stringify(faults)} ${faulty.calls[(faults.failCall ?? 0) - 1] ?? ""}: ${status} ${output}`;
  if (status === 0) {
    ok(isComplete(tree), `${what}: it says that all is well`);
    await tree.kill();
  } else {
    assertEquals(tree.listTasks(), [], `${what}: tasks are left`);
  }
  if (status !== 0) assertEquals(traces(tree), before, what);
  ok(!output.includes("    at "), `${what}: a stack trace`);
}

function isComplete(tree: LiveTree): boolean {
  return tree.describe().get(`${tree.root} state`) === "alive" && taskExists(tree.root + 1);
}

/** What could be left of an attempt in this process and around it. */
function traces({ directory }: LiveTree) {
  return {
    files: [...Deno.readDirSync(directory)].map(({ name }) => {
      const { ino, mode, uid, gid } = Deno.lstatSync(`${directory}/${name}`);
      return [name, ino, mode, uid, gid];
    }).sort(),
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").split("\n").filter((line) => line.includes("cgyard")).length,
    children: Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`),
  };
}
