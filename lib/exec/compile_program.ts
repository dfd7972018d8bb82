import {
  type Attach,
  COORDINATOR,
  deputyId,
  type Ending,
  isDeputy,
  type JoinedPidNamespace,
  type TaskProgram,
  type TaskStep,
} from "../plan/plan.ts";
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_INTO_CGROUP,
  CLONE_NEWCGROUP,
  CLONE_NEWPID,
  CLONE_PARENT,
  CLONE_PTRACE,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  PR_SET_DUMPABLE,
} from "../sys/constants.ts";
import type { SyscallNumbers } from "../tracee/architecture.ts";
import { cString } from "../text.ts";
import { CLONE_ARGS_SIZE, type CloneArguments, type RemoteCall } from "../tracee/remote_call.ts";
import { describeCgroup } from "./cgroups.ts";

const SIGCHLD = 17;
const SIG_UNBLOCK = 1;
const PR_SET_NAME = 15;
const PR_SET_CHILD_SUBREAPER = 36;
const WAIT_ANY_KIND = 0x4000_0000; // __WALL
const ZERO = new TextEncoder().encode("0");
/** All that pthread_create(3) shares, but the thread-local storage that an agent does not have. */
const THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

/** What compiling needs to know beyond the step itself. */
export interface CompileContext {
  readonly numbers: SyscallNumbers;
  /** Descriptor, in every tracee, of a file to write "0" to. */
  readonly attachTarget: (step: Attach) => number;
  /** Descriptor, in every tracee, of a v2 directory to be born in. */
  readonly birthPlace: (path: string) => number;
  /** Slot of a task or thread that has not been made yet. */
  readonly slotOf: (id: number) => number;
  /** Name of a task, for messages. */
  readonly commOf: (id: number) => string;
}

/** A step that is one system call. */
export type SingleStep = Exclude<TaskStep, { readonly kind: "restore-memory" | "take-terminal" | "fill-namespaces" }>;

/** The system call that carries out `step` in the task `pid`. */
export function compileStep(context: CompileContext, pid: number, step: SingleStep): RemoteCall {
  const { numbers } = context;
  switch (step.kind) {
    case "attach":
      return call("write", numbers.write, [context.attachTarget(step), ZERO, 1], () => (
        `Cannot move ${taskName(context, pid)} to the cgroup "${describeCgroup(step.hierarchy, step.path)}"`
      ), ATTACH_HINTS);
    case "create-task":
      return compileBirth(context, step);
    case "create-thread":
      return compileClone(context, step.tid, {
        who: () => `thread ${step.tid} "${context.commOf(step.tid)}"`,
        clone: { flags: BigInt(CLONE_PTRACE | THREAD_FLAGS), exitSignal: 0, tid: step.tid },
      });
    case "set-name":
      return call("prctl", numbers.prctl, [PR_SET_NAME, cString(step.comm)], () => `Cannot name task ${pid}`);
    case "new-session":
      return call("setsid", numbers.setsid, [], () => `Cannot make ${taskName(context, pid)} a session leader`);
    case "set-group":
      return call("setpgid", numbers.setpgid, [0, step.group], () => (
        `Cannot put ${taskName(context, pid)} into process group ${step.group}`
      ));
    case "unshare-cgroup-namespace":
      return call("unshare", numbers.unshare, [CLONE_NEWCGROUP], () => (
        `Cannot make a cgroup namespace for ${taskName(context, pid)}`
      ));
    case "set-child-subreaper":
      return call("prctl", numbers.prctl, [PR_SET_CHILD_SUBREAPER, step.on ? 1 : 0], () => (
        `Cannot make ${taskName(context, pid)} a child subreaper`
      ));
  }
}

/** Has the coordinator make a deputy, which shares its descriptors. */
export function compileDeputy(context: CompileContext, number: number, into: string | undefined): RemoteCall {
  const clone = { flags: BigInt(CLONE_PTRACE | CLONE_FILES), exitSignal: 0, tid: 0 };
  return compileClone(context, deputyId(number), { who: () => taskName(context, deputyId(number)), into, clone });
}

/** The calls of one ending; those that end the task never return. */
export function compileEnding(context: CompileContext, ending: Ending): RemoteCall[] {
  const { numbers } = context;
  const { pid, step } = ending;
  switch (step.kind) {
    case "exit": {
      const attempt = () => `Cannot end ${taskName(context, pid)} with status ${step.status}`;
      const exit = call("exit_group", numbers.exit_group, [(step.status >> 8) & 0xff], attempt);
      const signal = step.status & 0x7f;
      if (signal === 0) return [exit];
      return [
        // Nothing shall be written of it.
        call("prctl", numbers.prctl, [PR_SET_DUMPABLE, 0, 0, 0, 0], attempt),
        call("rt_sigprocmask", numbers.rt_sigprocmask, [SIG_UNBLOCK, maskOf(signal), 0, 8], attempt),
        call("kill", numbers.kill, [pid, signal], attempt),
        exit,
      ];
    }
    case "reap":
      return [
        call("wait4", numbers.wait4, [step.child, 0, WAIT_ANY_KIND, 0], () => (
          `Cannot reap the helper ${step.child} in ${taskName(context, pid)}`
        )),
      ];
    default:
      return [compileStep(context, pid, step)];
  }
}

/** Closes every descriptor below `end`: nothing of ours, nor of our caller, is left open in a task. */
export function compileCloseAll(numbers: SyscallNumbers, pid: number, end: number): RemoteCall {
  return call("close_range", numbers.close_range, [0, end - 1, 0], () => `Cannot close the files of task ${pid}`);
}

/** Makes the next child the first of a new pid namespace. */
export function compileNewPidNamespace(numbers: SyscallNumbers): RemoteCall {
  return call("unshare", numbers.unshare, [CLONE_NEWPID], () => "Cannot make a pid namespace");
}

/** Has the next children be made in a pid namespace that is there; the caller itself stays where it is. */
export function compileJoinPidNamespace(numbers: SyscallNumbers, { fd, key }: JoinedPidNamespace): RemoteCall {
  const attempt = () => `Cannot enter the pid namespace "${key}" behind descriptor ${fd}`;
  return call("setns", numbers.setns, [fd, CLONE_NEWPID], attempt, ENTRY_HINTS);
}

const ENTRY_HINTS: Readonly<Record<string, string>> = {
  EINVAL: "it has to be cgrestore's own or one in that",
  EPERM: "that needs CAP_SYS_ADMIN, over it as well",
};

function compileBirth(context: CompileContext, step: Extract<TaskStep, { kind: "create-task" }>): RemoteCall {
  const sibling = step.as === "sibling";
  const relation = (sibling ? CLONE_PARENT : 0) | (step.sharesDescriptors === true ? CLONE_FILES : 0);
  return compileClone(context, step.pid, {
    who: () => taskName(context, step.pid),
    into: step.into,
    clone: {
      flags: BigInt(CLONE_PTRACE | relation),
      // With CLONE_PARENT the child gets its maker's exit signal, and must not ask for one (clone(2)).
      exitSignal: sibling ? 0 : SIGCHLD,
      tid: step.pid,
    },
  });
}

interface CloneOptions {
  /** Who is made, for messages. */
  readonly who: () => string;
  /** v2 path of the cgroup that the child is born in. */
  readonly into?: string | undefined;
  readonly clone: Omit<CloneArguments, "cgroup">;
}

function compileClone(context: CompileContext, id: number, { who, into, clone }: CloneOptions): RemoteCall {
  const { clone3 } = context.numbers;
  const place = into === undefined ? { cgroup: 0 } : {
    flags: clone.flags | CLONE_INTO_CGROUP,
    cgroup: context.birthPlace(into),
  };
  const args = [{ clone: { ...clone, ...place } }, CLONE_ARGS_SIZE, { slot: context.slotOf(id) }];
  const ofPid = clone.tid === 0 ? {} : {
    EEXIST: `pid ${id} is taken: stop what has it, or use --pid-namespace`,
    EPERM: "choosing pids needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN",
    EINVAL: `pid ${id} is above kernel.pid_max, or the kernel is older than 5.5`,
  };
  return call("clone3", clone3, args, () => `Cannot create ${who()}`, {
    EAGAIN: "a limit on the number of tasks was reached: see pids.max and RLIMIT_NPROC",
    ...ofPid,
  });
}

const ATTACH_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "the cpuset has no cpus or no memory nodes",
  EBUSY: "tasks cannot enter a cgroup that has controllers enabled in cgroup.subtree_control",
  EOPNOTSUPP: "the cgroup is threaded or of an invalid type",
  EACCES: "the cgroup may not be written",
};

function call(
  name: string,
  number: number,
  args: RemoteCall["arguments"],
  attempt: () => string,
  hints: Readonly<Record<string, string>> = {},
): RemoteCall {
  return { number, arguments: args, purpose: { call: name, attempt, hint: (code) => hints[code] } };
}

/** A set of one signal (sigset_t of the kernel). */
function maskOf(signal: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(1n << BigInt(signal - 1)).buffer);
}

function taskName(context: CompileContext, pid: number): string {
  if (pid === COORDINATOR) return "the coordinator";
  if (isDeputy(pid)) return "a deputy of the coordinator";
  return `task ${pid} "${context.commOf(pid)}"`;
}

/** The places that a program's tasks and threads write themselves into. */
export function attachSteps(program: TaskProgram): Attach[] {
  const steps = [...program.steps, ...program.threads.flatMap((thread) => thread.steps)];
  return steps.filter((step): step is Attach => step.kind === "attach");
}
