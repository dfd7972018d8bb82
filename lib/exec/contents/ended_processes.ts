import { CLONE_PTRACE } from "../../sys/constants.ts";
import { stopped } from "../../sys/wait_status.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee } from "../../tracee/tracee.ts";
import { type ContentsContext, remoteCall } from "./remote.ts";

const SIGKILL = 9;
const WAIT_ANY_KIND = 0x4000_0000; // __WALL
const CLONE_ARGS_SIZE = 88;
const TIMEOUT_MS = 10_000;

/**
 * Processes that are made only to end, for what refers to such. They are children of the coordinator, and so in the
 * tasks' pid namespace; being traced, they never run.
 */
export class EndedProcesses {
  readonly #coordinator: Tracee;
  readonly #context: ContentsContext;
  readonly #pids: number[] = [];

  constructor(coordinator: Tracee, context: ContentsContext) {
    this.#coordinator = coordinator;
    this.#context = context;
  }

  /** Makes one; returns its pid on this host. */
  make(): number {
    const { context: { sys, slots }, slot } = this.#coordinator;
    const clone = { flags: BigInt(CLONE_PTRACE), exitSignal: 0, tid: 0, cgroup: 0 };
    this.#run("clone3", [{ clone }, CLONE_ARGS_SIZE], "Cannot make a process that is to end");
    const pid = slots.result(slot, 0);
    this.#pids.push(pid);
    sys.wait(pid, TIMEOUT_MS);
    return pid;
  }

  /** Ends all of them, and takes their ends. */
  end(): void {
    for (const pid of [...this.#pids]) {
      this.#end(pid);
      this.#pids.shift();
    }
  }

  /** Ends those that are left, where the coordinator is to be ended as well: their ends are taken with its own. */
  abandon(): void {
    for (const pid of this.#pids) this.#coordinator.context.sys.kill(pid, SIGKILL);
  }

  /** Its end is told to us, who trace it, and then to its parent. */
  #end(pid: number): void {
    const { sys } = this.#coordinator.context;
    sys.kill(pid, SIGKILL);
    for (let hasEnded = false; !hasEnded;) {
      const event = sys.wait(pid, TIMEOUT_MS);
      hasEnded = event !== undefined && !stopped(event.status);
    }
    this.#run("wait4", [pid, 0, WAIT_ANY_KIND, 0], "Cannot take the end of a process");
  }

  #run(call: "clone3" | "wait4", args: RemoteCall["arguments"], attempt: string): void {
    this.#coordinator.run([remoteCall(this.#context, call, args, { attempt })]);
  }
}
