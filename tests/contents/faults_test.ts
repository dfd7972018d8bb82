/**
 * A real checkpoint is restored again and again, each time with one call that fails, in cgrestore or in a task: whatever
 * it is, nothing is left.
 */
import { deepEqual as assertEquals, equal as assertEqual, ok } from "node:assert/strict";
import { run } from "../../lib/cli/run.ts";
import { parseDeviceNames } from "../../lib/host/parse_proc_net.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { type Faults, FaultySys } from "../support/faulty_sys.ts";
import { type Requirement, requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { OwnBridge } from "./support/own_bridge.ts";

interface FaultTest {
  /** It has a child. */
  readonly program: string;
  /** Further options. */
  readonly dump?: readonly string[];
  readonly restore?: readonly string[];
  /** Of so many remote calls one fails: most of them are alike. */
  readonly stride?: number;
  readonly needs?: readonly Requirement[];
  /** A bridge that is made for it on this host. */
  readonly bridge?: string;
}

const TESTS: readonly FaultTest[] = [
  { program: "several" },
  { program: "unix_several" },
  { program: "several_events", dump: ["--file-locks"] },
  { program: "several_terminals" },
  { program: "events_of_requests" },
  { program: "lost_names", dump: ["--link-remap"] },
  {
    program: "tcp_several",
    dump: ["--tcp-established", "--network-lock", "skip"],
    restore: ["--tcp-established"],
  },
  { program: "namespaces_several" },
  { program: "mounts_several" },
  {
    program: "net_several",
    dump: ["--network-lock", "skip"],
    restore: ["--external", "veth[eth0]:cgrvout@cgrvbr"],
    bridge: "cgrvbr",
    stride: 43,
    needs: ["iproute2"],
  },
];

for (const { program, dump, restore = [], bridge, stride = 1, needs = [] } of TESTS) {
  const name = `restore of "${program}" leaves nothing when a call fails`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", ...needs),
    async fn(t) {
      await using _ = bridge === undefined ? undefined : await OwnBridge.create(bridge);
      await using tree = await LiveTree.ofProgram(program);
      const tasks = tree.listTasks();
      await failEachCall(t, { tree, tasks, images: await tree.dump(dump), options: restore, stride });
    },
  });
}

interface Dumped {
  readonly tree: LiveTree;
  /** Pids of what was there. */
  readonly tasks: readonly number[];
  readonly images: string;
  /** Of the restore. */
  readonly options: readonly string[];
  readonly stride: number;
}

async function failEachCall(t: Deno.TestContext, dumped: Dumped): Promise<void> {
  const { tree } = dumped;
  const whole = restoreWith({}, dumped);
  assertEqual(whole.output, "");
  assertEqual(whole.status, 0);
  assertEqual(await tree.finish(), "ok");
  await end(dumped);
  const { calls, remoteCalls } = whole.faulty;
  // Before the first tracee, nothing has an effect: those calls have tests of their own.
  const first = calls.indexOf("memfdCreate") + 1;
  const step = (name: string, count: number, faultOf: (n: number) => Faults, { first = 1, stride = 1 } = {}) =>
    t.step(name, async () => {
      try {
        for (let n = first; n <= count; n += stride) await failOnce(dumped, faultOf(n));
      } finally {
        await end(dumped);
      }
    });
  await step(`each of ${calls.length - first + 1} calls`, calls.length, (n) => ({ failCall: n }), { first });
  await step(`each of ${remoteCalls} remote calls`, remoteCalls, (n) => ({ failRemoteCall: n }), {
    stride: dumped.stride,
  });
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

function restoreWith(faults: Faults, { images, options }: Pick<Dumped, "images" | "options">): Attempt {
  let output = "";
  const faulty = new FaultySys(openLinuxSys(), faults);
  const status = run(["restore", "-D", images, "-v1", ...options], {
    openSys: () => faulty.sys,
    output: { out: () => {}, err: (text) => output += text, isTerminal: false, noColor: true },
  });
  return { status, output, faulty };
}

/** From the first detach on, the tasks run. */
function lastBeforeCommit(calls: readonly string[]): number {
  return calls.indexOf("ptraceDetach");
}

async function failOnce(dumped: Dumped, faults: Faults): Promise<void> {
  const { tree, tasks } = dumped;
  await tree.putDirectoryBack();
  const before = traces();
  const names = namesIn(tree.directory);
  const { status, output, faulty } = restoreWith(faults, dumped);
  const what = `${JSON.stringify(faults)} ${faulty.calls[(faults.failCall ?? 0) - 1] ?? ""}: ${status} ${output}`;
  if (status === 0) {
    assertEquals(tree.listTasks(), tasks, `${what}: it says that all is well`);
    await end(dumped);
  } else {
    assertEquals(tree.listTasks(), [], `${what}: tasks are left`);
    assertEquals(namesIn(tree.directory), names, `${what}: names are left, or missing`);
  }
  assertEquals(traces(), before, what);
  ok(!output.includes("    at "), `${what}: a stack trace`);
  ok(!output.includes("the same connection already"), `${what}: a connection is left of the attempt before`);
}

/** Ends the tasks; the kernel takes devices away with them, but some time later. */
async function end({ tree }: Dumped): Promise<void> {
  await tree.kill();
  await waitUntil(() => !ownDevices().some((name) => name !== "cgrvbr"), "devices are left of tasks that have ended");
}

/** Devices of this host that tests have made. */
function ownDevices(): string[] {
  const names = parseDeviceNames(Deno.readTextFileSync("/proc/net/dev"));
  return [...names].filter((name) => name.startsWith("cgrv")).sort();
}

/** What could be left of an attempt in this process and around it. */
function traces() {
  return {
    devices: ownDevices(),
    terminals: [...Deno.readDirSync("/dev/pts")].map(({ name }) => name).sort(),
    descriptors: [...Deno.readDirSync("/proc/self/fd")].length,
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").split("\n").filter((line) => line.includes("cgyard")).length,
    children: Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`),
  };
}

/** All names in a directory and below it, with the files that have them. */
function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    const { ino, mode, uid, gid, nlink } = Deno.lstatSync(path);
    return [`${path} ${ino} ${mode} ${uid}:${gid} ${nlink}`, ...isDirectory ? namesIn(path) : []];
  }).sort();
}
