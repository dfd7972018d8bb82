import type { Handle, MemoryStep, TaskContents } from "../../plan/contents/contents_plan.ts";
import { PROT_EXEC } from "../../sys/constants.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { fetch } from "./compile_descriptors.ts";
import { fillPages } from "./fill_pages.ts";
import { openImage } from "./open_image.ts";
import type { ResolvedStep } from "./page_comparison.ts";
import { type ContentsContext, LowestDescriptors, remoteCall, words } from "./remote.ts";

const MAP_FIXED_NOREPLACE = 0x10_0000;
const SHM_RDONLY = 0o10000;
const ARCH_MAP_VDSO_32 = 0x2002;
const ARCH_MAP_VDSO_64 = 0x2003;
const MLOCK_ONFAULT = 1;
/** MREMAP_MAYMOVE and MREMAP_FIXED. */
const MREMAP_MOVE = 3;
const PR_SET_MM = 35;
const PR_SET_MM_MAP = 14;
const PR_SET_THP_DISABLE = 41;
/** `struct prctl_mm_map` (linux/prctl.h): eleven addresses, auxv, its size and the executable's descriptor. */
const MM_MAP_SIZE = 104;
const MM_MAP_AUXV = 88;
const MM_MAP_AUXV_SIZE = 96;
const MM_MAP_EXE = 100;

interface TaskContext extends ContentsContext {
  readonly pid: number;
}

interface MemoryContext extends TaskContext {
  readonly files: MemoryFiles;
}

/** The memory of a task, whose other descriptors are `taken`. */
export function compileMemory(
  context: ContentsContext,
  { pid, memory, hugePagesDisabled }: TaskContents,
  taken: readonly number[],
): RemoteCall[] {
  const task: TaskContext = { ...context, pid };
  const files = new MemoryFiles(task, taken);
  const calls: RemoteCall[] = [];
  if (hugePagesDisabled !== undefined) {
    const attempt = `Cannot set whether task ${pid} may have huge pages`;
    calls.push(remoteCall(context, "prctl", [PR_SET_THP_DISABLE, hugePagesDisabled ? 1 : 0, 0, 0, 0], { attempt }));
  }
  const steps = memory.flatMap((step) => step.kind === "inherit" ? context.comparison.resolve(step) : [step]);
  const lastUses = new Map(steps.map((step, index) => [fileOf(step), index]));
  for (const [index, step] of steps.entries()) {
    const file = fileOf(step);
    if (file !== undefined) calls.push(...files.open(file));
    calls.push(compileStep({ ...task, files }, step));
    if (file !== undefined && lastUses.get(file) === index) calls.push(files.close(file));
  }
  return calls;
}

/** An open file of the coordinator, or one of pages by its path. */
type MemoryFile = Handle | string;

/** The files that are open while memory is made: only so many that their numbers are below those that are ours. */
class MemoryFiles {
  readonly #context: TaskContext;
  readonly #lowest: LowestDescriptors;
  readonly #open = new Map<MemoryFile, number>();

  constructor(context: TaskContext, taken: readonly number[]) {
    this.#context = context;
    this.#lowest = new LowestDescriptors(taken);
  }

  /** The descriptor of a file that is open. */
  get(file: MemoryFile): number | undefined {
    return this.#open.get(file);
  }

  /** Opens a file unless it is open; where there is no room, all others are closed until they are needed again. */
  open(file: MemoryFile): RemoteCall[] {
    if (this.#open.has(file)) return [];
    const isFull = this.#lowest.peek() >= this.#context.base;
    const calls = isFull ? [...this.#open.keys()].map((other) => this.close(other)) : [];
    const fd = this.#lowest.take();
    this.#open.set(file, fd);
    calls.push(typeof file === "string" ? openPages(this.#context, file, fd) : fetch(this.#context, file, fd));
    return calls;
  }

  close(file: MemoryFile): RemoteCall {
    const fd = this.#open.get(file) ?? -1;
    this.#open.delete(file);
    this.#lowest.release(fd);
    return remoteCall(this.#context, "close", [fd], { attempt: `Cannot close a file in task ${this.#context.pid}` });
  }
}

function fileOf(step: ResolvedStep): MemoryFile | undefined {
  switch (step.kind) {
    case "map":
      return step.handle;
    case "fill":
      return step.file;
    case "set-layout":
      return step.executable;
    default:
      return undefined;
  }
}

/** By the task itself: in trees of thousands, each would have the files of all others otherwise. */
function openPages(context: ContentsContext, path: string, fd: number): RemoteCall {
  const attempt = `Cannot open the pages "${path}"`;
  return openImage(context, path, { attempt, expected: fd });
}

function compileStep(context: MemoryContext, step: ResolvedStep): RemoteCall {
  const { pid } = context;
  switch (step.kind) {
    case "map": {
      const { start, size, protection, flags, handle, offset } = step;
      const fd = handle === undefined ? -1 : context.files.get(handle) ?? -1;
      return remoteCall(context, "mmap", [start, size, protection, flags | MAP_FIXED_NOREPLACE, fd, offset], {
        attempt: `Cannot map ${describe(step)} of task ${pid}`,
        hints: MAP_HINTS,
        expected: start,
      });
    }
    case "unmap":
      return remoteCall(context, "munmap", [step.start, step.size], { attempt: `Cannot unmap ${describe(step)}` });
    case "move":
      return remoteCall(context, "mremap", [step.start, step.size, step.size, MREMAP_MOVE, step.to], {
        attempt: `Cannot move ${describe(step)} of task ${pid}`,
        expected: step.to,
      });
    case "map-vdso":
      return remoteCall(context, "arch_prctl", [step.isCompat ? ARCH_MAP_VDSO_32 : ARCH_MAP_VDSO_64, step.start], {
        attempt: `Cannot map the vdso of task ${pid}`,
        hints: { EINVAL: "the kernel was made without CONFIG_CHECKPOINT_RESTORE" },
      });
    case "fill":
      return fillPages(context, step, { fd: context.files.get(step.file) ?? -1, what: `task ${pid}` });
    case "attach":
      return remoteCall(context, "shmat", [step.id, step.start, step.isReadOnly ? SHM_RDONLY : 0], {
        attempt: `Cannot attach the System V shared memory ${step.id} in task ${pid}`,
        hints: { ENOMEM: MAP_HINTS.ENOMEM },
        expected: step.start,
      });
    case "write":
      return write(context, step);
    case "protect":
      return remoteCall(context, "mprotect", [step.start, step.size, step.protection], {
        attempt: `Cannot protect ${describe(step)} of task ${pid}`,
      });
    case "keep-readable":
      return remoteCall(context, "pkey_mprotect", [step.start, step.size, PROT_EXEC, 0], {
        attempt: `Cannot have ${describe(step)} of task ${pid} be read`,
        // There are no keys.
        tolerated: ["EINVAL", "ENOSYS"],
      });
    case "advise":
      return remoteCall(context, "madvise", [step.start, step.size, step.advice], {
        attempt: `Cannot give advice ${step.advice} for ${describe(step)} of task ${pid}`,
        hints: { EINVAL: "this kernel does not know the advice" },
      });
    case "lock":
      return remoteCall(context, "mlock2", [step.start, step.size, step.onFault ? MLOCK_ONFAULT : 0], {
        attempt: `Cannot lock ${describe(step)} of task ${pid}`,
        hints: LOCK_HINTS,
      });
    case "set-layout":
      return setLayout(context, step);
  }
}

const LOCK_HINTS = {
  ENOMEM: "there is too little memory, or more of it is locked than RLIMIT_MEMLOCK allows",
  EAGAIN: "there is too little memory",
  EPERM: "that needs CAP_IPC_LOCK, or a higher limit: ulimit -l",
};

const MAP_HINTS = {
  ENOMEM: "there is too little memory, or ulimit -v or -d, vm.max_map_count or vm.overcommit_memory do not allow it",
  EAGAIN: "more memory is locked than RLIMIT_MEMLOCK allows",
  EPERM: "that address is below the sysctl vm.mmap_min_addr, or the file system does not allow programs",
  ENODEV: "its file cannot be mapped",
};

function describe({ start, size }: { readonly start: number; readonly size: number }): string {
  return `the memory at ${start.toString(16)}-${(start + size).toString(16)}`;
}

/** No system call copies memory within a task; one copies it to a task, and that may be the same one. */
export function write(
  { pid, ...context }: Pick<TaskContext, "numbers" | "pid">,
  { start, bytes }: Omit<Extract<MemoryStep, { kind: "write" }>, "kind">,
): RemoteCall {
  const local = { struct: words(0, bytes.length), pointers: [[0, bytes]] as const };
  const args = [pid, local, 1, words(start, bytes.length), 1, 0];
  return remoteCall(context, "process_vm_writev", args, {
    attempt: `Cannot write to ${describe({ start, size: bytes.length })} of task ${pid}`,
    expected: bytes.length,
  });
}

function setLayout(context: MemoryContext, step: Extract<MemoryStep, { kind: "set-layout" }>): RemoteCall {
  const { layout, auxv, executable } = step;
  const struct = new Uint8Array(MM_MAP_SIZE);
  struct.set(words(
    ...[layout.startCode, layout.endCode, layout.startData, layout.endData, layout.startBrk, layout.brk],
    ...[layout.startStack, layout.argStart, layout.argEnd, layout.envStart, layout.envEnd],
  ));
  const view = new DataView(struct.buffer);
  view.setUint32(MM_MAP_AUXV_SIZE, auxv.length, true);
  const fd = executable === undefined ? undefined : context.files.get(executable);
  view.setUint32(MM_MAP_EXE, fd ?? -1, true);
  const pointers = [[MM_MAP_AUXV, auxv]] as const;
  return remoteCall(context, "prctl", [PR_SET_MM, PR_SET_MM_MAP, { struct, pointers }, MM_MAP_SIZE, 0], {
    attempt: `Cannot set executable and layout of task ${context.pid}`,
    hints: {
      EINVAL: "the kernel does not accept the dumped addresses, or was made without CONFIG_CHECKPOINT_RESTORE",
      EPERM: "that needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN",
    },
  });
}
