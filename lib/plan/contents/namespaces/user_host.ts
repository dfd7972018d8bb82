import type { Host, OwnState } from "../../../host/host.ts";
import type { Contents } from "../../../model/contents.ts";
import type { TaskState } from "../../../model/task_state.ts";
import { isAtLeast } from "../kernel_version.ts";

/** Id of a user who has none. */
export const NO_UID = 0xffff_ffff;

/** Numbers of capabilities below which all kernels from a version on have them (linux/capability.h). */
const CAPABILITIES: readonly (readonly [kernel: readonly [number, number], count: bigint])[] = [
  [[5, 9], 41n],
  [[5, 8], 40n],
];
const OLD_CAPABILITIES = 38n;

/**
 * The host as tasks find it that are born in a user namespace: its root makes them, with all capabilities there are in
 * it. What can only be changed outside is as `outerState` says.
 */
export function withUserNamespace(
  host: Host,
  { namespaces: { user }, tasks }: Pick<Contents, "namespaces" | "tasks">,
): Host {
  if (user === undefined) return host;
  const { own } = host;
  const all = (1n << capabilityCount(host)) - 1n | own.permitted | own.bounding;
  const changed = Object.fromEntries(outerState(own, tasks.values()).map(({ key, value }) => [key, value]));
  return {
    ...host,
    own: {
      ...own,
      uids: [0, 0, 0, 0],
      gids: [0, 0, 0, 0],
      groups: [],
      ...{ permitted: all, effective: all, bounding: all, inheritable: 0n, ambient: 0n },
      ...changed,
    },
  };
}

function capabilityCount({ kernel }: Pick<Host, "kernel">): bigint {
  return CAPABILITIES.find(([first]) => isAtLeast(kernel, first))?.[1] ?? OLD_CAPABILITIES;
}

/** State that the tasks have to be born with, because they could not set theirs in a user namespace. */
export interface OuterState {
  readonly key: keyof Pick<OwnState, "oomScoreAdjustment" | "loginUid">;
  /** In /proc/self. */
  readonly file: string;
  readonly value: number;
}

/** The lowest `oom_score_adj` of all, when it is lower than ours, and no login uid where one of them has another. */
export function outerState(own: OwnState, tasks: Iterable<TaskState>): OuterState[] {
  const states: OuterState[] = [];
  const all = [...tasks];
  const lowest = Math.min(...all.map((task) => task.oomScoreAdjustment ?? own.oomScoreAdjustment));
  if (lowest < own.oomScoreAdjustment) {
    states.push({ key: "oomScoreAdjustment", file: "oom_score_adj", value: lowest });
  }
  const { loginUid = NO_UID } = own;
  const isOther = ({ loginUid: other = loginUid }: TaskState) => other !== loginUid;
  if (loginUid !== NO_UID && all.some(isOther)) states.push({ key: "loginUid", file: "loginuid", value: NO_UID });
  return states;
}
