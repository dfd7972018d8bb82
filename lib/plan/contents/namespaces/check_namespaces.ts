import type { NamespaceContents } from "../../../model/namespaces.ts";
import { isAtLeast } from "../kernel_version.ts";
import type { MadeNamespace } from "./namespaces_plan.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";

/**
 * Kinds of which all tasks must have the same namespace, but for mounts and nets; of pid and cgroup that is known since
 * the images were read.
 */
const SINGLE: readonly MadeNamespace[] = ["user", "uts", "ipc", "net", "time", "mnt"];

/** Where a kernel shows that it has namespaces of a kind, and where CRIU's images say what they had. */
const KERNEL_FILES: Readonly<Record<MadeNamespace, string>> = {
  user: "/proc/self/ns/user",
  uts: "/proc/self/ns/uts",
  ipc: "/proc/self/ns/ipc",
  net: "/proc/self/ns/net",
  time: "/proc/self/ns/time_for_children",
  mnt: "/proc/self/ns/mnt",
};
const CONTENTS: Readonly<Record<MadeNamespace, keyof NamespaceContents>> = {
  user: "user",
  uts: "uts",
  ipc: "ipc",
  net: "net",
  time: "clocks",
  mnt: "mounts",
};

/** First kernel in which setns(2) takes a pidfd. */
export const JOINABLE = [5, 8] as const;

/** Files of this host that tell whether namespaces can be made. */
export function kernelFiles(contents: NamespaceContents): string[] {
  return SINGLE.filter((kind) => contents[CONTENTS[kind]] !== undefined).map((kind) => KERNEL_FILES[kind]);
}

/** Whether the root task can get into namespaces that are made for it: as a sibling, it has to join them. */
export function canEnter({ host, rootIsSibling }: NamespaceQuestions): boolean {
  return !rootIsSibling || isAtLeast(host.kernel, JOINABLE);
}

/** Tells which namespaces cannot be restored. */
export function checkNamespaces(questions: NamespaceQuestions): void {
  const { checkpoint: { namespaces, strangers }, joins, host, problems } = questions;
  const refuse = (what: string) => problems.push({ where: "namespaces", what });
  for (const { kind, path } of joins) {
    const tell = (why: string) => refuse(`the ${kind} namespace "${path}" for --join-ns: ${why}`);
    if (!host.files.has(path)) tell("there is no such file");
    else if (!canEnter(questions)) tell("Linux 5.8 or newer is needed, with --restore-sibling");
  }
  for (const kind of SINGLE) {
    const pids = (strangers.get(kind) ?? []).filter((pid) => !isNested(kind, pid, questions));
    if (pids.length > 0) {
      refuse(`${describeTasks(pids)} in another ${kind} namespace than the root task, which cannot be restored`);
    } else if (namespaces.has(kind)) singleProblems(kind, questions).forEach(refuse);
  }
}

/** Of mounts and nets, the images have all namespaces; each task has to be in one of these. */
function isNested(kind: MadeNamespace, pid: number, { contents }: NamespaceQuestions): boolean {
  if (kind === "net") return contents.netNamespaces?.has(pid) === true;
  return kind === "mnt" && contents.mountNamespaces?.has(pid) === true;
}

function describeTasks(pids: readonly number[]): string {
  return pids.length === 1 ? `task ${pids[0]} was` : `tasks ${pids.join(", ")} were`;
}

/** Why all tasks cannot be in one namespace of their own. */
function singleProblems(kind: MadeNamespace, questions: NamespaceQuestions): string[] {
  const { contents, host } = questions;
  const were = `the tasks were in ${kind === "ipc" ? "an" : "a"} ${kind} namespace`;
  if (contents[CONTENTS[kind]] === undefined) return [`${were}, of which the images tell nothing`];
  if (!host.files.has(KERNEL_FILES[kind])) return [`${were}, which this kernel does not have`];
  return canEnter(questions) ? [] : [`${were}, which --restore-sibling can restore with Linux 5.8 or newer only`];
}
