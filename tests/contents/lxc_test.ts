/** A container of LXC, for which CRIU learnt to restore cgroups: it is restored through cgrestore. */
import { equal as assertEqual, ok as assert } from "node:assert/strict";
import { exists } from "../support/exists.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { criuPath, requires } from "../support/skip.ts";
import { describeContained } from "./support/describe_contained.ts";
import { listTree } from "./support/describe_tree.ts";
import { fetchText } from "./support/fetch_text.ts";
import { findProgram } from "./support/find_program.ts";
import { runProgram } from "./support/live_tree.ts";
import { LxcContainer } from "./support/lxc.ts";
import { OwnBridge } from "./support/own_bridge.ts";
import { tryCriu } from "./support/try_criu.ts";
import { writeCgrestore } from "./support/write_cgrestore.ts";

const BRIDGE = "cgrvlxc";
const HOST = "10.77.1.1/24";
const ADDRESS = "10.77.1.2";

for (const hasUsers of [false, true]) {
  const name = `a container of LXC on a bridge${hasUsers ? ", with users of its own" : ""}`;
  Deno.test({
    name,
    ...requires(name, "root", "vm", "criu", "lxc", "iproute2"),
    async fn() {
      await using _ = await OwnBridge.create(BRIDGE);
      assertEqual((await runProgram(["ip", "addr", "add", HOST, "dev", BRIDGE])).code, 0);
      await using container = await LxcContainer.create({ bridge: BRIDGE, address: `${ADDRESS}/24`, hasUsers });
      await container.start();
      await checkServer(container);
      await checkService(await container.pid());
      const before = describeContained(await container.pid());
      await container.checkpoint();
      const { count } = container;
      assertEqual(await container.state(), "STOPPED");

      await container.restore(await putCgrestore(container));
      await checkRestored(container, { before, count });
      await container.stop();
      // CRIU does not make the device in a user namespace: EOPNOTSUPP.
      if (hasUsers) return;
      const criu = await putCriu(container);
      await tryCriu(() => container.restore(criu), () => container.stop());
      await checkRestored(container, { before, count });
    },
  });
}

/** It goes on with its count, is where it was, and can be reached. */
async function checkRestored(
  container: LxcContainer,
  { before, count }: { readonly before: string; readonly count: number },
): Promise<void> {
  assertEqual(describeContained(await container.pid()), before);
  await container.counts(0);
  assert(container.count > count, `it counts ${container.count}, and had ${count}`);
  await checkServer(container);
  await checkService(await container.pid());
}

/** One of its processes has a file in a mount of its own, which the first does not see. */
async function checkService(first: number): Promise<void> {
  const sees = (pid: number) => exists(`/proc/${pid}/root/tmp/own`);
  await waitUntil(() => listTree(first).some(sees), "no process has a mount of its own");
  assert(!sees(first));
}

async function checkServer(container: LxcContainer): Promise<void> {
  const served = Number(await fetchText(`http://${ADDRESS}/count`));
  assert(served > 0 && served <= container.count, `${served} is served, and ${container.count} counted`);
}

/** Directories with a `criu` in each. */
async function putCgrestore({ directory }: LxcContainer): Promise<string> {
  await Deno.mkdir(`${directory}/ours`);
  await writeCgrestore(`${directory}/ours/criu`);
  return `${directory}/ours`;
}

async function putCriu({ directory }: LxcContainer): Promise<string> {
  await Deno.mkdir(`${directory}/theirs`);
  await Deno.symlink(await findProgram(criuPath()), `${directory}/theirs/criu`);
  return `${directory}/theirs`;
}
