import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { Checkpoint } from "../../../model/checkpoint.ts";
import type { Contents } from "../../../model/contents.ts";
import type { Clocks, NamespaceContents } from "../../../model/namespaces.ts";
import { netsOf } from "../../../model/net_numbers.ts";
import type { PlanOptions, TaskProgram } from "../../plan.ts";
import type { Handle } from "../contents_plan.ts";
import { canEnter, checkNamespaces, kernelFiles } from "./check_namespaces.ts";
import type { MadeNamespace, NamespacesPlan } from "./namespaces_plan.ts";
import type { MountPlaces } from "./mount_places.ts";
import type { MountsPlan } from "./mounts_plan.ts";
import type { NestedNets } from "./net_plan.ts";
import { planNestedMounts } from "./plan_nested_mounts.ts";
import { planNestedNets } from "./plan_nested_nets.ts";
import { checkUser, planUser } from "./plan_user.ts";
import type { OuterState } from "./user_host.ts";
import { planNet, settingFiles } from "./plan_net.ts";
import { planIpc, sysctlFiles } from "./plan_ipc.ts";
import { type MountQuestions, planMounts } from "./plan_mounts.ts";
import { showNetworks } from "./show_networks.ts";

/** What planning namespaces has to know. */
export interface NamespaceQuestions {
  readonly checkpoint: Pick<Checkpoint, "namespaces" | "strangers">;
  readonly contents: NamespaceContents;
  /** What the tasks hold. */
  readonly held: Pick<Contents, "tasks" | "threads" | "files" | "segments">;
  /** How the tasks are made, makers first, helpers included. */
  readonly programs: readonly Pick<TaskProgram, "pid" | "maker">[];
  /** The handle of something open that planning knows by this key. */
  readonly handle: (key: string) => Handle;
  /** Whether the tasks are made in a new pid namespace. */
  readonly newPidNamespace: boolean;
  /** Whether some have one table of descriptors. */
  readonly sharesDescriptors: boolean;
  /** What the tasks have to be born with in a user namespace. */
  readonly outerState: readonly OuterState[];
  readonly host: Pick<
    Host,
    | "files"
    | "fileSystems"
    | "clocks"
    | "capabilities"
    | "inherited"
    | "own"
    | "kernel"
    | "hierarchies"
    | "network"
    | "programs"
    | "user"
  >;
  /** Of the mounts of the tasks' own. */
  readonly places?: MountPlaces | undefined;
  /** Where the root unshares its cgroup namespace, if it does. */
  readonly namespaceRoot?: MountQuestions["namespaceRoot"];
  /** Whether the root task is made by cgrestore itself. */
  readonly rootIsSibling: boolean;
  /** The descriptor of cgrestore's own that the user wants to be used for what a key names (`--inherit-fd`). */
  readonly inherited: (key: string) => number | undefined;
  /** What the user has told of devices outside. */
  readonly outerEnds: PlanOptions["outerEnds"];
  readonly parents: PlanOptions["parents"];
  readonly joins: PlanOptions["joins"];
  /** Whether settings of the net namespace are left out that this kernel does not have. */
  readonly mayLackSettings: PlanOptions["mayLackSettings"];
  /** Behind this address, the root task can attach segments for a while: it has nothing there yet. */
  readonly scratch: number;
  readonly problems: Problem[];
  /** Gets what is not as it was, and what only the user can put up with. */
  readonly losses: Problem[];
  readonly notes: string[];
}

/** Plans the namespaces of the tasks but those for pids and cgroups, which are part of how tasks are made. */
export function planNamespaces(questions: NamespaceQuestions): NamespacesPlan {
  const { contents: { user, uts, ipc, net, nestedNets }, places, joins } = questions;
  checkNamespaces(questions);
  const userPlan = user === undefined ? undefined : planUser(user, questions);
  const clockOffsets = planClocks(questions);
  const entersLate = userPlan?.entersLate === true;
  const netPlan = net === undefined ? undefined : planNet(net, questions);
  const netsPlan = nestedNets === undefined ? undefined : planNestedNets(nestedNets, { ...questions, entersLate });
  const kinds: MadeNamespace[] = [
    ...user === undefined ? [] : ["user" as const],
    ...joins.map(({ kind }) => kind),
    ...uts === undefined ? [] : ["uts" as const],
    ...ipc === undefined ? [] : ["ipc" as const],
    ...netPlan === undefined ? [] : ["net" as const],
    ...clockOffsets === undefined ? [] : ["time" as const],
    ...places === undefined ? [] : ["mnt" as const],
  ];
  if (user !== undefined) checkUser(user, netPlan, questions);
  return {
    kinds,
    ...userPlan === undefined ? {} : { user: userPlan },
    ...joins.length === 0 ? {} : { joins },
    ...uts === undefined ? {} : { uts },
    ...ipc === undefined ? {} : { ipc: planIpc(ipc, questions) },
    ...netPlan === undefined ? {} : { net: netPlan },
    ...netsPlan === undefined ? {} : { nestedNets: netsPlan },
    ...clockOffsets === undefined ? {} : { clockOffsets },
    ...places === undefined ? {} : { mounts: planAllMounts(places, { ...questions, entersLate, netsPlan }) },
  };
}

function planAllMounts(
  places: MountPlaces,
  questions: NamespaceQuestions & { readonly entersLate: boolean; readonly netsPlan: NestedNets | undefined },
): MountsPlan {
  const { contents: { mountNamespaces: homes }, host, namespaceRoot, netsPlan, problems, losses } = questions;
  const plan = planMounts({ places, host, namespaceRoot, problems, losses });
  if (homes === undefined || homes.size === 0) return plan;
  const nested = { ...plan, nested: planNestedMounts(homes, questions) };
  return netsPlan === undefined ? nested : showNetworks(nested, netsPlan);
}

/** Files of this host that planning has to know of. */
export function filesOfNamespaces(contents: NamespaceContents): string[] {
  const { ipc } = contents;
  return [
    ...kernelFiles(contents),
    ...ipc === undefined ? [] : sysctlFiles(ipc),
    ...netsOf(contents).flatMap((net) => net.kind === "own" ? settingFiles(net) : []),
  ];
}

/**
 * Offsets with which the clocks of the tasks go on where they were at the dump. Tasks without a time namespace of their
 * own get one for that as well, as CRIU does it: a clock that jumps back is one that they wait for in vain.
 */
function planClocks(questions: NamespaceQuestions): Clocks | undefined {
  const { checkpoint, contents: { clocks }, host, notes } = questions;
  const now = host.clocks;
  if (clocks === undefined) return undefined;
  const obstacle = clockObstacle(questions);
  if (obstacle !== undefined && !checkpoint.namespaces.has("time")) {
    notes.push(`The clocks of the tasks that never stop jump to those of this host: ${obstacle}`);
    return undefined;
  }
  if (now === undefined) return undefined;
  return { monotonic: clocks.monotonic - now.monotonic, boottime: clocks.boottime - now.boottime };
}

/** Why tasks cannot have clocks of their own, which is no problem when they had none. */
function clockObstacle(questions: NamespaceQuestions): string | undefined {
  const { host: { clocks, capabilities } } = questions;
  if (clocks === undefined) return "this kernel has no time namespaces";
  const missing = ["CAP_SYS_TIME", "CAP_SYS_ADMIN"].filter((name) => !capabilities.has(name));
  if (missing.length > 0) return `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing`;
  return canEnter(questions) ? undefined : "--restore-sibling needs Linux 5.8 or newer to set them";
}
