import type { DescriptorStep, Handle, TaskContents } from "../../plan/contents/contents_plan.ts";
import { cString } from "../../text.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, LowestDescriptors, remoteCall } from "./remote.ts";

const O_CLOEXEC = 0o2000000;
const F_SETFD = 2;
const ALL = 0xffff_ffff;

const FETCH_HINTS = {
  EPERM: "that needs CAP_SYS_PTRACE",
  ENOSYS: "Linux 5.6 or newer is needed",
  EMFILE: "the limit of open files is too low: raise it, ulimit -n",
};

type FetchContext = Pick<ContentsContext, "numbers" | "base">;

/**
 * Gets an open file from the coordinator, as the lowest descriptor that is free. It is close-on-exec then
 * (pidfd_getfd(2)).
 */
export function fetch(context: FetchContext, handle: Handle, fd: number): RemoteCall {
  return fetchDescriptor(context, descriptorOf(context, handle), fd);
}

/** The same of what the coordinator has at a descriptor. */
export function fetchDescriptor(context: FetchContext, theirs: number, fd: number): RemoteCall {
  return remoteCall(context, "pidfd_getfd", [context.base, theirs, 0], {
    attempt: "Cannot get an open file from the coordinator",
    hints: FETCH_HINTS,
    expected: fd,
  });
}

/** The descriptors of a task, which has none but ours; then those are closed. */
export function compileDescriptors(context: ContentsContext, { pid, descriptors }: TaskContents): RemoteCall[] {
  if (descriptors === undefined) return [];
  const lowest = new LowestDescriptors([]);
  const first = new Map<Handle, number>();
  return [
    ...descriptors.flatMap((step) => compileDescriptor({ ...context, pid, lowest, first }, step)),
    ...closeOurs(context, pid),
  ];
}

/** All but those that its threads still need. */
function closeOurs(context: ContentsContext, pid: number): RemoteCall[] {
  const [first] = context.profiles.values();
  const close = (from: number, to: number) => (
    remoteCall(context, "close_range", [from, to, 0], { attempt: `Cannot close files in task ${pid}` })
  );
  if (first === undefined) return [close(context.base, ALL)];
  return [close(context.base, first - 1), close(first + context.profiles.size, ALL)];
}

interface DescriptorContext extends ContentsContext {
  readonly pid: number;
  readonly lowest: LowestDescriptors;
  /** The first descriptor of each open file. */
  readonly first: Map<Handle, number>;
}

function compileDescriptor(context: DescriptorContext, { fd, handle, closeOnExec }: DescriptorStep): RemoteCall[] {
  const { lowest, first, pid } = context;
  const purpose = { attempt: `Cannot make descriptor ${fd} of task ${pid}` };
  const duplicate = (from: number) => remoteCall(context, "dup3", [from, fd, closeOnExec ? O_CLOEXEC : 0], purpose);
  const known = first.get(handle);
  const free = lowest.peek();
  first.set(handle, known ?? fd);
  lowest.occupy(fd);
  if (known !== undefined) return [duplicate(known)];
  if (free !== fd) {
    return [fetch(context, handle, free), duplicate(free), remoteCall(context, "close", [free], purpose)];
  }
  const keep = closeOnExec ? [] : [remoteCall(context, "fcntl", [fd, F_SETFD, 0], purpose)];
  return [fetch(context, handle, fd), ...keep];
}

/** Root and working directory, and the umask. */
export function compileDirectories(context: ContentsContext, { pid, directories }: TaskContents): RemoteCall[] {
  if (directories === undefined) return [];
  const { working, root, umask } = directories;
  const name = context.nameOf(pid);
  const enter = (handle: Handle, what: string): RemoteCall[] => [
    fetch(context, handle, 0),
    remoteCall(context, "fchdir", [0], { attempt: `Cannot enter the ${what} of ${name}` }),
    remoteCall(context, "close", [0], { attempt: `Cannot close the ${what} of ${name}` }),
  ];
  const chroot = remoteCall(context, "chroot", [cString(".")], {
    attempt: `Cannot change the root of ${name}`,
    hints: { EPERM: "that needs CAP_SYS_CHROOT" },
  });
  return [
    ...root === undefined ? [] : [...enter(root, "root directory"), chroot],
    ...enter(working, "working directory"),
    remoteCall(context, "umask", [umask], { attempt: `Cannot set the umask of ${name}` }),
  ];
}
