/** From real images to placeholders, on the fake kernel: reading, describing the host, planning, executing and verifying. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { planForHost, planWithYard } from "../../lib/cli/plan_for_host.ts";
import { executePlan } from "../../lib/exec/execute_plan.ts";
import { openYard } from "../../lib/exec/yard.ts";
import { readImages } from "../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import type { PlanOptions } from "../../lib/plan/plan.ts";
import { X86_64 } from "../../lib/tracee/agent_x86_64.ts";
import { type FakeHost, hybridHost, v2Host } from "../fakes/fake_hosts.ts";
import { FakeSys } from "../fakes/fake_sys.ts";
import { DEFAULT_OPTIONS } from "../support/plan_inputs.ts";

const FIXTURES = new URL("../fixtures/checkpoints/", import.meta.url).pathname;
const OPTIONS: PlanOptions = { ...DEFAULT_OPTIONS, onMissing: "skip" };

/** The hybrid host without v2. */
function jointV1Host(): FakeHost {
  const host = hybridHost();
  return { ...host, hierarchies: host.hierarchies.filter(({ name }) => name !== "") };
}

/** Hosts of the same kind as those on which the checkpoints were made. */
const CASES: readonly (readonly [checkpoint: string, host: () => FakeHost])[] = [
  ["hybrid-criu4", hybridHost],
  ["hybrid-siblings-criu3", hybridHost],
  ["v1-criu3", jointV1Host],
  ["v1-siblings-criu4", jointV1Host],
  ["v2-criu4", v2Host],
  ["v2-siblings-criu3", v2Host],
];

/** A host that has the images of a checkpoint in `/images`. */
function hostWithImages(name: string, host: FakeHost): FakeHost {
  const images = [...Deno.readDirSync(FIXTURES + name)].filter((entry) => entry.name.endsWith(".img"));
  const files = images.map((entry) => [`/images/${entry.name}`, Deno.readFileSync(`${FIXTURES}${name}/${entry.name}`)]);
  return { ...host, files: Object.fromEntries(files) };
}

/** Restores the checkpoint in `/images`, as the command does. */
function restore(fake: FakeSys, rehearse: boolean) {
  const checkpoint = buildCheckpoint(readImages(fake, "/images", { contents: false }));
  const { plan: first, host } = planForHost(fake, checkpoint, OPTIONS);
  const yard = openYard(fake, first.hierarchies);
  try {
    const plan = planWithYard(fake, { checkpoint, host, plan: first, yard }, OPTIONS);
    const callbacks = { onNamespaces: () => {}, onVerified: () => {} };
    const options = { architecture: X86_64, yard, rehearse, leaveStopped: false, ...callbacks };
    return { checkpoint, outcome: executePlan(fake, plan, options) };
  } finally {
    yard.close();
  }
}

for (const [name, host] of CASES) {
  Deno.test(`restores the real checkpoint ${name}`, () => {
    const fake = new FakeSys(hostWithImages(name, host()));
    const { checkpoint, outcome } = restore(fake, false);
    equal(outcome.rootPid, checkpoint.tasks[0]?.pid);
    for (const { pid, parent, comm } of checkpoint.tasks) {
      const task = fake.kernel.tasks.get(pid);
      ok(task !== undefined, `task ${pid} is not there`);
      deepEqual([task.comm, task.parent?.id], [comm, parent === 0 ? fake.getpid() : parent]);
    }
  });

  Deno.test(`rehearses the real checkpoint ${name} without a trace`, () => {
    const fake = new FakeSys(hostWithImages(name, host()));
    restore(fake, true);
    deepEqual(fake.leftovers(), []);
  });
}
