import type { DescriptorAction } from "../../plan/contents/descriptor_action.ts";
import type { WatchStep } from "../../plan/contents/files/plan_epoll.ts";
import type { LeaseStep, LockStep } from "../../plan/contents/plan_locks.ts";
import type { AsyncStep } from "../../plan/contents/plan_owners.ts";
import { PR_SET_DUMPABLE } from "../../sys/constants.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, integers, type Purpose, remoteCall, words } from "./remote.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
/** EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLRDNORM, EPOLLRDBAND, EPOLLWRNORM, EPOLLWRBAND and EPOLLRDHUP. */
const EVERYTHING = 0x23c7;
/** `struct epoll_event`, which is packed on x86-64: events, and 64 bits of data. */
const EVENT_SIZE = 12;
const F_SETFL = 4;
const F_SETLK = 6;
const F_SETOWN = 8;
const F_OFD_SETLK = 37;
const F_SETLEASE = 1024;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const F_WRLCK = 1;
const SEEK_SET = 0;
const NOBODY = 0;
/** Who tasks in a user namespace are until they get their own credentials. */
const ROOT = 0;

/** Calls of a task, and those that are left when these have been made, which depend on what came of them. */
export interface DescriptorCalls {
  readonly calls: RemoteCall[];
  readonly rest: () => RemoteCall[];
}

/** Who does something through descriptors. */
export interface DescriptorUser {
  /** Name of the task. */
  readonly name: string;
  /** Who has to take leases, by the descriptor; of others, the task itself does. */
  readonly leaseOwners: ReadonlyMap<number, number>;
}

/** What a task does through descriptors of its own. */
export function compileDescriptorActions(
  context: ContentsContext,
  actions: readonly DescriptorAction[],
  user: DescriptorUser,
): DescriptorCalls {
  const compiled = actions.map((action) => compileAction(context, action, user));
  return { calls: compiled.flatMap(({ calls }) => calls), rest: () => compiled.flatMap(({ rest }) => rest()) };
}

function compileAction(context: ContentsContext, action: DescriptorAction, user: DescriptorUser): DescriptorCalls {
  const { name } = user;
  switch (action.kind) {
    case "watch":
      return watch(context, action, name);
    case "set-async":
      return complete(setAsync(context, action, name));
    case "lease":
      return complete(lease(context, action, user));
    case "lock":
      return complete(lock(context, action, name));
  }
}

function complete(calls: RemoteCall[]): DescriptorCalls {
  return { calls, rest: () => [] };
}

/**
 * A watch that keeps quiet is made so by letting it tell of something. A file for which it has nothing to tell is left
 * with a watch for errors, as CRIU leaves all of them: the kernel adds EPOLLERR and EPOLLHUP to whatever is asked for.
 */
function watch(context: ContentsContext, step: WatchStep, name: string): DescriptorCalls {
  const { epoll, fd, number, events, data, isDisarmed } = step;
  const purpose = { attempt: `Cannot watch descriptor ${fd} of ${name} by epoll instance ${epoll}` };
  const control = (operation: number, wanted: number) => (
    remoteCall(context, "epoll_ctl", [epoll, operation, number ?? fd, epollEvent(wanted, data)], purpose)
  );
  // The watch outlives a descriptor that is there for its number alone.
  const atNumber = (...calls: RemoteCall[]) => (
    number === undefined ? calls : [
      remoteCall(context, "dup3", [fd, number, 0], purpose),
      ...calls,
      remoteCall(context, "close", [number], purpose),
    ]
  );
  if (!isDisarmed) return complete(atNumber(control(EPOLL_CTL_ADD, events)));
  const told = new Uint8Array(EVENT_SIZE);
  const take = remoteCall(context, "epoll_wait", [epoll, { output: told }, 1, 0], purpose);
  return {
    calls: atNumber(control(EPOLL_CTL_ADD, events | EVERYTHING), take),
    rest: () => told.some((byte) => byte !== 0) ? [] : atNumber(control(EPOLL_CTL_MOD, events)),
  };
}

function epollEvent(events: number, data: bigint): Uint8Array {
  const struct = new Uint8Array(EVENT_SIZE);
  const view = new DataView(struct.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(4, data, true);
  return struct;
}

function setAsync(context: ContentsContext, { fd, flags }: AsyncStep, name: string): RemoteCall[] {
  return [remoteCall(context, "fcntl", [fd, F_SETFL, flags], {
    attempt: `Cannot make descriptor ${fd} of ${name} signal`,
  })];
}

/** The kernel makes whoever takes a lease its owner, if it has none: that is set later on, as it was. */
function lease(
  context: ContentsContext,
  { fd, type }: LeaseStep,
  { name, leaseOwners }: DescriptorUser,
): RemoteCall[] {
  const owner = leaseOwners.get(fd) ?? ROOT;
  const purpose = {
    attempt: `Cannot take the lease of descriptor ${fd} of ${name}`,
    hints: { EAGAIN: "another process has the file open", EACCES: LEASE_HINT },
  };
  const take = [
    remoteCall(context, "fcntl", [fd, F_SETLEASE, type], purpose),
    remoteCall(context, "fcntl", [fd, F_SETOWN, NOBODY], purpose),
  ];
  if (owner === ROOT) return take;
  return [
    remoteCall(context, "setfsuid", [owner], { ...purpose, expected: ROOT }),
    ...take,
    remoteCall(context, "setfsuid", [ROOT], { ...purpose, expected: owner }),
    // That has taken dumpability away, and others have to look at the task.
    remoteCall(context, "prctl", [PR_SET_DUMPABLE, 1, 0, 0, 0], purpose),
  ];
}

const LEASE_HINT =
  "that needs CAP_LEASE, which has no effect in a user namespace: there, the file has to be of a user of it";

/** Never waits: nobody of the checkpoint can be in the way. */
function lock(context: ContentsContext, { of, fd, type, start, length }: LockStep, name: string): RemoteCall[] {
  const purpose: Purpose = {
    attempt: `Cannot lock descriptor ${fd} of ${name}`,
    hints: { EAGAIN: LOCKED, EACCES: LOCKED, ENOLCK: "there are too many locks" },
  };
  if (of === "flock") {
    return [remoteCall(context, "flock", [fd, (type === F_WRLCK ? LOCK_EX : LOCK_SH) | LOCK_NB], purpose)];
  }
  const command = of === "ofd" ? F_OFD_SETLK : F_SETLK;
  return [remoteCall(context, "fcntl", [fd, command, range(type, start, length)], purpose)];
}

const LOCKED = "another process has locked the file";

/** `struct flock`: type and whence in 16 bits each, padding, start, length, and a pid that is not asked for. */
function range(type: number, start: bigint, length: bigint): Uint8Array {
  const struct = new Uint8Array(32);
  struct.set(integers(type | SEEK_SET << 16));
  struct.set(words(start, length), 8);
  return struct;
}
