import type { PageComparison } from "./page_comparison.ts";
import type { Handle, OwnCapabilities } from "../../plan/contents/contents_plan.ts";
import type { SyscallNumbers } from "../../tracee/architecture.ts";
import type { CallPurpose, NameEffect, RemoteArgument, RemoteCall } from "../../tracee/remote_call.ts";

const TWO_32 = 2 ** 32;

/** What compiling contents to system calls has to know. */
export interface ContentsContext {
  readonly numbers: SyscallNumbers;
  /** Descriptor, in every task and in the coordinator, of a pidfd of the coordinator: the first of ours. */
  readonly base: number;
  /** How calls name a file of this host by its path there: tasks may have another root by then. */
  readonly hostPath: (path: string) => string;
  /** Name of a task or thread, for messages. */
  readonly nameOf: (id: number) => string;
  readonly comparison: Pick<PageComparison, "resolve">;
  /** By tid, the descriptor through which a thread gets its profile; they go up by one. */
  readonly profiles: ReadonlyMap<number, number>;
  /** Capabilities that a new task has. */
  readonly ownCapabilities: OwnCapabilities;
  /** Whether the kernel lets the ids of timers be chosen (Linux 6.16); else they are counted up to. */
  readonly choosesTimerIds: boolean;
  /** By path, the coordinator's descriptors of files of the checkpoint that only it could open. */
  readonly images: ReadonlyMap<string, number>;
  /** The coordinator's descriptors of the tasks' mount namespaces, by number; none where they have but one. */
  readonly mountNamespaces: readonly number[];
  /** The same of their net namespaces. */
  readonly netNamespaces: readonly number[];
  /** Whether the caller is in a user namespace, where it may do less than root. */
  readonly isInUserNamespace: boolean;
}

/** The coordinator's descriptor of an open file. */
export function descriptorOf({ base }: Pick<ContentsContext, "base">, handle: Handle): number {
  return base + 1 + handle;
}

/** What a call is for, and what to say when it fails. */
export interface Purpose {
  /** `Cannot open "/a"` */
  readonly attempt: string;
  readonly hints?: Readonly<Record<string, string>>;
  /** The only right result. */
  readonly expected?: number;
  /** What it does to a name in the file system: so it is undone when the restore fails. */
  readonly effect?: NameEffect;
  /** Errors that are as good as success. */
  readonly tolerated?: readonly string[];
  /** Whether cgrestore itself makes the call. */
  readonly isOurs?: true | undefined;
}

/** Makes calls by name. All are of one shape, and without closures: trees of thousands of tasks make millions. */
export function remoteCall(
  { numbers }: Pick<ContentsContext, "numbers">,
  name: keyof SyscallNumbers,
  args: readonly RemoteArgument[],
  { attempt, hints, expected, tolerated, effect, isOurs }: Purpose,
): RemoteCall {
  const purpose = new NamedPurpose(name, attempt, hints);
  return { number: numbers[name], arguments: args, expected, effect, tolerated, isOurs, purpose };
}

class NamedPurpose implements CallPurpose {
  constructor(readonly call: string, readonly text: string, readonly hints: Purpose["hints"]) {}

  attempt(): string {
    return this.text;
  }

  hint(code: string): string | undefined {
    return this.hints?.[code];
  }
}

/**
 * The descriptors that the kernel will give in a process, which are always the lowest that are free: so tables can be
 * made before they are run.
 */
export class LowestDescriptors {
  readonly #taken: Set<number>;
  /** All below it are taken. */
  #lowest = 0;

  /** @param taken those that are open already */
  constructor(taken: Iterable<number>) {
    this.#taken = new Set(taken);
  }

  /** The descriptor of the next file that is opened. */
  take(): number {
    const fd = this.peek();
    this.#taken.add(fd);
    return fd;
  }

  peek(): number {
    while (this.#taken.has(this.#lowest)) this.#lowest++;
    return this.#lowest;
  }

  /** A descriptor that was chosen, as by dup3(2). */
  occupy(fd: number): void {
    this.#taken.add(fd);
  }

  release(fd: number): void {
    this.#taken.delete(fd);
    this.#lowest = Math.min(this.#lowest, fd);
  }
}

/** Words in memory, little-endian. */
export function words(...values: readonly (bigint | number)[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(8 * values.length));
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => setWord(view, 8 * index, value));
  return bytes;
}

/** Whole numbers are put in halves: bigints are slow to make. */
function setWord(view: DataView, offset: number, value: bigint | number): void {
  if (typeof value === "bigint") return view.setBigUint64(offset, value, true);
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

/** 32-bit numbers in memory, little-endian. */
export function integers(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.of(...values).buffer);
}
