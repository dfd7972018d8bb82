import type {
  ConnectSocket,
  Identity,
  ListenAtSocket,
  PairSockets,
  Performer,
  UnixAction,
} from "../../../../plan/contents/files/unix/unix_step.ts";
import type { FileStep } from "../../../../plan/contents/file_step.ts";
import type { RemoteCall } from "../../../../tracee/remote_call.ts";
import { fetch } from "../../compile_descriptors.ts";
import { integers, type Purpose, remoteCall } from "../../remote.ts";
import { close, type FilesContext, takeFrom } from "../file_calls.ts";
import type { Named } from "./compile_unix_action.ts";
import { connect, listen, pair } from "./socket_calls.ts";
import { encodeAbstract, encodeNobody, encodePath } from "./unix_address.ts";
import { PR_SET_DUMPABLE } from "../../../../sys/constants.ts";

/** How a task does a step itself. */
export interface Performance {
  readonly pid: number;
  /** What it does, then the coordinator, and then the task again. */
  readonly first: readonly RemoteCall[];
  readonly coordinator: readonly RemoteCall[];
  readonly last: readonly RemoteCall[];
}

/** The first descriptors of a task, which has none but ours while files are made. */
const [FIRST, SECOND] = [0, 1] as const;
/** So many steps are done together at most. */
const MOST_STEPS = 64;
/** Keeps an id as it is (setresuid(2)). */
const SAME = -1;

/**
 * Pairs that one task makes one after the other are made together, as changing to it and back takes long; so it is with
 * sockets at which it listens.
 */
export function* groupSteps(
  { base }: Pick<FilesContext, "base">,
  steps: readonly FileStep[],
): Generator<readonly [FileStep, ...FileStep[]]> {
  const most = Math.min(MOST_STEPS, Math.floor(base / 2));
  let group: [FileStep, ...FileStep[]] | undefined;
  for (const step of steps) {
    if (group !== undefined && group.length < most && areAlike(group[0], step)) {
      group.push(step);
      continue;
    }
    if (group !== undefined) yield group;
    group = [step];
  }
  if (group !== undefined) yield group;
}

/** Kinds of what a task does with one or two descriptors each, and without asking for others. */
const TOGETHER: ReadonlySet<UnixAction["kind"]> = new Set(["pair", "listen"] as const);

function areAlike(one: FileStep, other: FileStep): boolean {
  if (one.kind !== "unix-socket" || other.kind !== "unix-socket") return false;
  return one.action.kind === other.action.kind && TOGETHER.has(one.action.kind) && one.performer !== undefined &&
    JSON.stringify(one.performer) === JSON.stringify(other.performer);
}

/**
 * What steps take that have a performer, of which several are alike; `undefined` for others.
 *
 * @param hostPid the pid by which the coordinator knows a task
 */
export function compilePerformance(
  context: FilesContext,
  steps: readonly [FileStep, ...FileStep[]],
  hostPid: (pid: number) => number,
): Performance | undefined {
  const [step] = steps;
  if (step.kind !== "unix-socket" || step.performer === undefined) return undefined;
  const { action, what, performer } = step;
  const { pid } = performer;
  switch (action.kind) {
    case "pair":
      return performPairs(context, steps.flatMap(pairOf), { performer, hostPid: hostPid(pid) });
    case "listen":
      return { pid, first: performListening(context, steps.flatMap(listenerOf), performer), coordinator: [], last: [] };
    case "connect":
      return { pid, first: performConnecting(context, { ...action, what }, performer), coordinator: [], last: [] };
    default:
      throw new RangeError(`Cannot have a task do "${action.kind}" to ${what}`);
  }
}

function pairOf(step: FileStep): Named<PairSockets>[] {
  if (step.kind !== "unix-socket" || step.action.kind !== "pair") return [];
  return [{ ...step.action, what: step.what }];
}

function listenerOf(step: FileStep): Named<ListenAtSocket>[] {
  if (step.kind !== "unix-socket" || step.action.kind !== "listen") return [];
  return [{ ...step.action, what: step.what }];
}

function performPairs(
  context: FilesContext,
  pairs: readonly Named<PairSockets>[],
  { performer, hostPid }: { readonly performer: Performer; readonly hostPid: number },
): Performance {
  const handles = pairs.flatMap(({ handles }) => handles);
  return {
    pid: performer.pid,
    first: actAs(context, performer, pairs.map(({ type, what }) => pair(context, { type, what }))),
    coordinator: takeFrom(context, hostPid, handles.map((handle, fd) => [FIRST + fd, handle])),
    last: handles.map((_, fd) => close(context, FIRST + fd)),
  };
}

function performListening(
  context: FilesContext,
  sockets: readonly Named<ListenAtSocket>[],
  performer: Performer,
): RemoteCall[] {
  const listening = sockets.map(({ what, backlog }, fd) => listen(context, { fd: FIRST + fd, what, backlog }));
  return [
    ...sockets.map(({ handle }, fd) => fetch(context, handle, FIRST + fd)),
    ...actAs(context, performer, listening),
    ...sockets.map((_, fd) => close(context, FIRST + fd)),
  ];
}

function performConnecting(
  context: FilesContext,
  { handle, to, what }: Named<ConnectSocket>,
  performer: Performer,
): RemoteCall[] {
  const isFile = to.kind === "file";
  const address = isFile
    ? encodePath(context.hostPath(`/proc/self/fd/${SECOND}`))
    : to.kind === "nobody"
    ? encodeNobody()
    : encodeAbstract(to);
  return [
    fetch(context, handle, FIRST),
    ...isFile ? [fetch(context, to.handle, SECOND)] : [],
    ...actAs(context, performer, [connect(context, { fd: FIRST, what, address })]),
    ...isFile ? [close(context, SECOND)] : [],
    close(context, FIRST),
  ];
}

/** Lets a task do something as somebody else, who may use every file nevertheless. */
function actAs(context: FilesContext, { pid, identity }: Performer, calls: readonly RemoteCall[]): RemoteCall[] {
  if (identity === undefined) return [...calls];
  const { as, own } = identity;
  const purpose: Purpose = {
    attempt: `Cannot take the identity of ${context.nameOf(pid)}`,
    hints: { EPERM: "that needs CAP_SETUID and CAP_SETGID", EINVAL: "an id is not mapped here" },
  };
  const setGroups = ({ groups }: Identity) => (
    remoteCall(context, "setgroups", [groups.length, integers(...groups)], purpose)
  );
  return [
    setGroups(as),
    remoteCall(context, "setresgid", [SAME, as.gid, SAME], purpose),
    remoteCall(context, "setresuid", [SAME, as.uid, SAME], purpose),
    remoteCall(context, "setfsuid", [own.uid], purpose),
    ...calls,
    remoteCall(context, "setresuid", [SAME, own.uid, SAME], purpose),
    remoteCall(context, "setresgid", [SAME, own.gid, SAME], purpose),
    setGroups(own),
    // That has taken dumpability away, and what was made is taken from the task.
    remoteCall(context, "prctl", [PR_SET_DUMPABLE, 1, 0, 0, 0], purpose),
  ];
}
