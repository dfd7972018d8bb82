import {
  deepEqual as assertDeepEqual,
  equal as assertEqual,
  match as assertMatch,
  rejects as assertRejects,
} from "node:assert/strict";
import { describeContained, describeContainedMounts } from "./describe_contained.ts";
import { describeUnified, type Engine, type EngineContainer } from "./engine.ts";
import { tryCriu } from "./try_criu.ts";

/** Counts from 0 on, a line for each number. */
export const COUNT = "i=0; while :; do echo $i; i=$((i + 1)); sleep 0.1; done";
/** Lines to see that it counts. */
const SOME = 3;

/** What was there at a dump. */
export interface Dumped {
  readonly state: string;
  readonly mounts: string;
  /** The next number to be written. */
  readonly length: number;
}

/** What an engine does for a container without options. */
export interface Defaults {
  /** The profile of AppArmor. */
  readonly profile: RegExp;
  /** What it says when the dump is refused. */
  readonly refused: RegExp;
}

/** A container that counts goes on with that when cgrestore has restored it, and then again when CRIU has. */
export async function testCounting(engine: Engine, defaults: Defaults): Promise<void> {
  await using container = await engine.runContainer({ script: COUNT });
  await refuseDump(engine, container, defaults.refused);
  const dumped = await dumpCounting(container);
  const { state, length } = dumped;
  const profile = state.slice(0, state.indexOf("\n"));
  assertMatch(profile, defaults.profile);
  assertMatch(state, /^Seccomp:\t2$/m);
  await restoreCounting(container, dumped);
  assertEqual(await container.exec(["cat", "/proc/1/attr/current"]), `${profile} (enforce)`);
  await container.stop();
  const before = container.lines.length;
  await tryCriu(() => container.restore("criu"), () => container.stop());
  await container.writes(before + SOME);
  assertEqual(container.lines[before], String(length));
  assertEqual(describeContained(await container.pid()), state);
}

/** cgrestore dumps nothing; the container runs on. */
async function refuseDump(engine: Engine, { id }: EngineContainer, refused: RegExp): Promise<void> {
  await engine.useAsCriu("cgrestore");
  await assertRejects(() => engine.dump(id), refused);
}

/** Dumps a container that counts. */
export async function dumpCounting(container: EngineContainer): Promise<Dumped> {
  await container.writes(container.lines.length + SOME);
  const pid = await container.pid();
  const [state, mounts] = [describeContained(pid), describeContainedMounts(pid)];
  await container.checkpoint();
  return { state, mounts, length: container.lines.length };
}

/** It goes on counting, and has what it had, when cgrestore has restored it. The host's cgroups are mounted as before. */
export async function restoreCounting(container: EngineContainer, { state, mounts, length }: Dumped): Promise<void> {
  const unified = describeUnified();
  await container.restore("cgrestore");
  assertDeepEqual(describeUnified(), unified);
  await container.writes(length + SOME);
  checkCount(container.lines);
  const pid = await container.pid();
  assertEqual(describeContained(pid), state);
  assertEqual(describeContainedMounts(pid), mounts);
}

/** The numbers are there from 0 on, each once. */
export function checkCount(lines: readonly string[]): void {
  assertDeepEqual(lines, lines.map((_, index) => String(index)));
}
