/**
 * A real checkpoint is restored again and again, each time with one call that fails, in cgrestore or in a task: whatever
 * it is, nothing is left.
 */
import { deepEqual as assertEquals, equal as assertEqual, ok } from "node:assert/strict";
import { O_RDONLY } from "../../lib/sys/constants.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { waitUntil } from "../support/kernel_state.ts";
import type { Faults } from "../support/faulty_sys.ts";
import { type Requirement, requires } from "../support/skip.ts";
import { type Attempt, restoreAsChild, restoreHere, type Restorer, whatIsNew } from "./support/attempt_restore.ts";
import { inCgroup, linkCgroups } from "./support/linked_cgroups.ts";
import { isAlive, LiveTree, reap } from "./support/live_tree.ts";
import { OwnBridge, ownDevices } from "./support/own_bridge.ts";

interface FaultTest {
  readonly program: string;
  /** It has 32 bits. */
  readonly isCompat?: boolean;
  /** Further options. */
  readonly dump?: readonly string[];
  readonly restore?: readonly string[];
  /** The root becomes our child, and so a sibling of whoever restores it. */
  readonly isSibling?: boolean;
  /** Of so many remote calls one fails: most of them are alike. */
  readonly stride?: number;
  /** Only such remote calls fail: the others are as elsewhere. */
  readonly remoteName?: Faults["remoteName"];
  readonly needs?: readonly Requirement[];
  /** A bridge that is made for it on this host. */
  readonly bridge?: string;
  /** v2 cgroups that are made for it, by the links that lead to them. */
  readonly cgroups?: readonly string[];
  /** The one that it is started in. */
  readonly startsIn?: string;
  /** Our own pid namespace is taken for one of others. */
  readonly providesPids?: boolean;
}

/** Settings of a network are many calls that are alike. */
const BRIDGED = { dump: ["--network-lock", "skip"], bridge: "cgrvbr", stride: 331, needs: ["iproute2"] } as const;

const TESTS: readonly FaultTest[] = [
  { program: "several" },
  { program: "several", isCompat: true },
  { program: "several", isSibling: true },
  { program: "several", providesPids: true },
  { program: "sessions", providesPids: true, stride: 7 },
  { program: "several", providesPids: true, isSibling: true },
  { program: "unix_several" },
  { program: "several_events", dump: ["--file-locks"] },
  { program: "several_terminals" },
  { program: "pty_queues" },
  { program: "events_of_requests" },
  { program: "lost_names", dump: ["--link-remap"] },
  {
    program: "tcp_several",
    dump: ["--tcp-established", "--network-lock", "skip"],
    restore: ["--tcp-established"],
  },
  {
    program: "socket_cgroups",
    dump: ["--tcp-established", "--network-lock", "skip"],
    restore: ["--tcp-established"],
    cgroups: ["first", "second"],
    needs: ["v2"],
  },
  // A deputy that moves itself, as nobody in a user namespace is born in a cgroup of the host.
  {
    program: "user_sockets",
    dump: ["--network-lock", "skip"],
    cgroups: ["first"],
    stride: 31,
    needs: ["v2"],
  },
  {
    program: "mounts_tmpfs",
    restore: ["--root", "/"],
    cgroups: ["first"],
    startsIn: "first",
    stride: 5,
    needs: ["v2"],
  },
  { program: "namespaces_several" },
  { program: "user_alone" },
  { program: "user_alone", isSibling: true },
  { program: "user_several", stride: 83 },
  { program: "user_veth", restore: ["--external", "veth[eth0]:cgrvout@cgrvbr"], ...BRIDGED },
  { program: "user_macvlan", restore: ["--external", "macvlan[mv0]:cgrvbr"], ...BRIDGED },
  { program: "mounts_several" },
  { program: "mounts_shared_by_two", restore: ["--root", "/"] },
  { program: "mounts_several", isSibling: true },
  { program: "mounts_removed" },
  { program: "mounts_removed_files", restore: ["--on-missing=skip"] },
  { program: "nested_mounts", dump: ["--link-remap"], stride: 3 },
  { program: "overlays_inside", restore: ["--on-missing=skip"], stride: 9 },
  {
    program: "net_several",
    dump: ["--network-lock", "skip"],
    restore: ["--external", "veth[eth0]:cgrvout@cgrvbr"],
    bridge: "cgrvbr",
    stride: 43,
    needs: ["iproute2", "tun"],
  },
  { program: "net_rules", dump: ["--network-lock", "skip"], stride: 97, needs: ["iproute2"] },
  { program: "connected_nets", dump: ["--network-lock", "skip"], stride: 499, needs: ["iproute2"] },
  {
    program: "net_filters",
    dump: ["--tcp-established", "--network-lock", "skip"],
    restore: ["--tcp-established"],
    stride: 211,
    needs: ["iproute2", "nftables"],
  },
  {
    program: "net_unanswered_end",
    dump: ["--tcp-established", "--network-lock", "skip"],
    restore: ["--tcp-established"],
    remoteName: "setsockopt",
    needs: ["iproute2", "nftables"],
  },
];

for (const test of TESTS) {
  const { program, isCompat = false, dump = [], restore = [], isSibling = false, providesPids = false } = test;
  const { bridge, cgroups = [], startsIn, stride = 1, remoteName, needs = [] } = test;
  const how = `${isCompat ? "with 32 bits " : ""}${isSibling ? "as a sibling " : ""}${
    providesPids ? "in a pid namespace that is there " : ""
  }`;
  const name = `restore of "${program}" ${how}leaves nothing when a call fails`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu", ...needs, ...isCompat ? ["compat", "cc-compat"] as const : []),
    async fn(t) {
      await using _ = bridge === undefined ? undefined : await OwnBridge.create(bridge);
      using pids = providesPids ? provideOwnPids() : undefined;
      await using child = isSibling ? await restoreAsChild(pids?.through) : undefined;
      await using tree = await LiveTree.create();
      using _cgroups = cgroups.length === 0 ? undefined : linkCgroups(tree.directory, cgroups);
      const through = startsIn === undefined ? [] : inCgroup(`${tree.directory}/${startsIn}`);
      await tree.startProgram(program, { isCompat, through });
      const tasks = tree.listTasks();
      const options = [...restore, ...pids?.restore ?? [], ...isSibling ? ["--restore-sibling"] : []];
      const images = await tree.dump([...dump, ...pids?.dump ?? []]);
      const counting = remoteName === undefined ? {} : { remoteName };
      await failEachCall(t, { tree, tasks, images, options, stride, counting, restorer: child ?? restoreHere });
    },
  });
}

/** How our own pid namespace is provided by a descriptor that is not closed before others run. */
interface OwnPids extends Disposable {
  /** Options. */
  readonly dump: readonly string[];
  readonly restore: readonly string[];
  /** A program that starts another one, which has that descriptor as well. */
  readonly through: readonly string[];
}

function provideOwnPids(): OwnPids {
  const sys = openLinuxSys();
  const fd = sys.open(OWN_PIDS, O_RDONLY);
  sys.setCloseOnExec(fd, false);
  return {
    dump: ["--external", `${Deno.readLinkSync(OWN_PIDS).replace(":", "")}:ours`],
    restore: ["--inherit-fd", `fd[${fd}]:ours`],
    through: ["bash", "-c", `exec ${fd}<${OWN_PIDS}; exec "$@"`, "bash"],
    [Symbol.dispose]: () => sys.close(fd),
  };
}

const OWN_PIDS = "/proc/self/ns/pid";

Deno.test({
  name: "a task that is killed before it can run is noted",
  ...requires("a task that is killed before it can run is noted", "root", "cc", "criu"),
  async fn() {
    await using tree = await LiveTree.ofProgram("several");
    const tasks = tree.listTasks();
    const killed = tasks.at(-1) ?? 0;
    const images = await tree.dump();
    await tree.putDirectoryBack();
    const { status, output } = await restoreHere.attempt({ killed }, ["-D", images, "-v3"]);
    assertEqual(status, 0, output);
    ok(output.includes(`Task ${killed} was killed before it could run`), output);
    await waitUntil(() => !isAlive(killed), "the task that was killed has not ended");
    assertEquals(tasks.filter(isAlive), tasks.slice(0, -1));
  },
});

interface Dumped {
  readonly tree: LiveTree;
  /** Pids of what was there. */
  readonly tasks: readonly number[];
  readonly images: string;
  /** Of the restore. */
  readonly options: readonly string[];
  readonly stride: number;
  readonly counting: Pick<Faults, "remoteName">;
  readonly restorer: Restorer;
}

async function failEachCall(t: Deno.TestContext, dumped: Dumped): Promise<void> {
  const { tree, counting } = dumped;
  const whole = await restoreWith(counting, dumped);
  assertEqual(whole.output, "");
  assertEqual(whole.status, 0);
  assertEqual(await tree.finish(), "ok");
  await end(dumped);
  const { calls, remoteCalls } = whole;
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
  // How many calls come before these depends on what /proc is read ahead of.
  for (const callName of COMMITTING) {
    const count = calls.filter((name) => name === callName).length;
    await step(`each of ${count} calls of ${callName}`, count, (n) => ({ callName, failCall: n }));
  }
  const { remoteName = "" } = counting;
  const failRemote = (n: number) => ({ ...counting, failRemoteCall: n });
  await step(`each of ${remoteCalls} remote calls ${remoteName}`.trimEnd(), remoteCalls, failRemote, {
    stride: dumped.stride,
  });
  await step("a signal before every third call", lastBeforeCommit(calls), (n) => ({ signalAt: n }), {
    first,
    stride: 3,
  });
}

/** Calls of the end of a restore. */
const COMMITTING = ["setChildSubreaper", "unlinkat", "ptraceDetach"] as const;

/** Who is to reap the root may have to do it before whoever restores goes on. */
async function restoreWith(faults: Faults, { tasks, restorer, images, options }: Dumped): Promise<Attempt> {
  const timer = setInterval(() => tasks.forEach(reap), 5);
  try {
    return await restorer.attempt(faults, ["-D", images, "-v1", ...options]);
  } finally {
    clearInterval(timer);
  }
}

/** From the first detach on, the tasks run. */
function lastBeforeCommit(calls: readonly string[]): number {
  return calls.indexOf("ptraceDetach");
}

async function failOnce(dumped: Dumped, faults: Faults): Promise<void> {
  const { tree, tasks } = dumped;
  await tree.putDirectoryBack();
  const before = await dumped.restorer.traces();
  const names = namesIn(tree.directory);
  const { status, output, calls } = await restoreWith(faults, dumped);
  const { failCall = 0, callName = calls[failCall - 1] ?? "" } = faults;
  const what = `${JSON.stringify(faults)} ${callName}: ${status} ${output}`;
  if (status === 0) {
    assertEquals(tree.listTasks(), tasks, `${what}: it says that all is well`);
    await end(dumped);
  } else {
    tasks.forEach(reap);
    assertEquals(tree.listTasks(), [], `${what}: tasks are left`);
    // The first task may run by then, and what the dump has made for names has been removed.
    if (callName !== "ptraceDetach") {
      assertEquals(namesIn(tree.directory), names, `${what}: names are left, or missing`);
    }
  }
  const findLeft = async () => whatIsNew(before, await dumped.restorer.traces());
  let left = await findLeft();
  // Others open terminals, too, but not for long.
  const mayPass = () => left.length > 0 && left.every((trace) => trace.startsWith("terminal "));
  const hasPassed = async () => {
    left = await findLeft();
    return !mayPass();
  };
  if (mayPass()) await waitUntil(hasPassed, "").catch(() => {});
  assertEquals(left, [], `${what}: left is ${left.join(", ")}`);
  ok(!output.includes("    at "), `${what}: a stack trace`);
  ok(!output.includes("the same connection already"), `${what}: a connection is left of the attempt before`);
}

/** Ends the tasks; the kernel takes devices away with them, but some time later. */
async function end({ tree }: Dumped): Promise<void> {
  await tree.kill();
  await waitUntil(() => !ownDevices().some((name) => name !== "cgrvbr"), "devices are left of tasks that have ended");
}

/** All names in a directory and below it, with the files that have them. */
function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    const { ino, mode, uid, gid, nlink } = Deno.lstatSync(path);
    return [`${path} ${ino} ${mode} ${uid}:${gid} ${nlink}`, ...isDirectory ? namesIn(path) : []];
  }).sort();
}
