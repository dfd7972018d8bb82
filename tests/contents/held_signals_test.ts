import { equal as assertEqual } from "node:assert/strict";
import { SysError } from "../../lib/errors.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";

const COUNTED = 40;
const SIGSTOP = 19;
const SIGCONT = 18;
const sys = openLinuxSys();

async function dumpCounting(tree: LiveTree): Promise<string> {
  await tree.startProgram("counting");
  return await tree.dump();
}

/** Sends a signal as soon as there is a task; returns whether there was one. */
function send(pid: number, signal: number): boolean {
  try {
    sys.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "ESRCH") return false;
    throw error;
  }
}

/** Runs `during` over and over while a tree is being restored. */
async function whileRestoring(tree: LiveTree, images: string, during: () => void): Promise<void> {
  let isRestoring = true;
  const restoring = tree.restore(images).finally(() => isRestoring = false);
  while (isRestoring) {
    during();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const { code, err } = await restoring;
  assertEqual(err, "");
  assertEqual(code, 0);
}

const waiting = "signals that come while a task is restored reach it afterwards, each of them";
Deno.test({
  name: waiting,
  ...requires(waiting, "root", "cc", "criu"),
  async fn() {
    await using tree = await LiveTree.create();
    const images = await dumpCounting(tree);
    let sent = 0;
    await whileRestoring(tree, images, () => {
      if (send(tree.root, COUNTED)) sent++;
    });
    assertEqual(sent > 0, true);
    const received = () => tree.has("received") ? Number(Deno.readTextFileSync(`${tree.directory}/received`)) : 0;
    await waitUntil(() => received() === sent, `the task has not got ${sent} signals, but ${received()}`);
    assertEqual(await tree.finish(), "ok");
  },
});

const stopping = "a task that somebody stops while it is restored is stopped afterwards";
Deno.test({
  name: stopping,
  ...requires(stopping, "root", "cc", "criu"),
  async fn() {
    await using tree = await LiveTree.create();
    const images = await dumpCounting(tree);
    let isStopped = false;
    await whileRestoring(tree, images, () => isStopped ||= send(tree.root, SIGSTOP));
    assertEqual(isStopped, true);
    const state = () => /^State:\s+(\S)/m.exec(Deno.readTextFileSync(`/proc/${tree.root}/status`))?.[1];
    await waitUntil(() => state() === "T", "the task is not stopped");
    send(tree.root, SIGCONT);
    assertEqual(await tree.finish(), "ok");
  },
});
