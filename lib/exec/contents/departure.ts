import type { TaskContents, ThreadContents } from "../../plan/contents/contents_plan.ts";
import { callBetweenStops, finishRemoval, startRemoval } from "../../tracee/last_steps.ts";
import type { Tracee, TraceeContext } from "../../tracee/tracee.ts";
import { type ContentsContext, words } from "./remote.ts";
import { compileActions, isLate } from "./state/actions.ts";
import type { RegisterWriter } from "./write_registers.ts";

const ALL_SIGNALS = 2n ** 64n - 1n;
/** Where `rseq_cs` lies in `struct rseq` (linux/rseq.h). */
const RSEQ_SECTION = 8n;

export interface DepartureOptions {
  readonly context: TraceeContext;
  readonly contents: ContentsContext;
  readonly traceeOf: (id: number) => Tracee;
  readonly writer: RegisterWriter;
}

/** The last steps of tasks: the agent leaves them, and their threads get the registers and masks that they go on with. */
export class Departure {
  readonly #options: DepartureOptions;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Makes the steps of all tasks, which are parked; afterwards they are stopped as they were when they were dumped. */
  makeReady(tasks: readonly TaskContents[]): void {
    const { traceeOf } = this.#options;
    for (const task of tasks) this.#start(task);
    for (const task of tasks) {
      finishRemoval(traceeOf(task.pid), { actionsAreFinal: hasLateActions(task) });
      for (const thread of task.threads) this.#setThread(thread);
    }
  }

  #start(task: TaskContents): void {
    const { context: { sys }, contents, traceeOf } = this.#options;
    const leader = traceeOf(task.pid);
    const actionsAreFinal = hasLateActions(task);
    if (actionsAreFinal) {
      sys.ptraceSetSignalMask(leader.pid, ALL_SIGNALS);
      const late = { ...task, actions: task.actions.filter(isLate) };
      for (const call of compileActions(contents, late, contents.nameOf(task.pid))) callBetweenStops(leader, call);
    }
    startRemoval(leader, { actionsAreFinal });
  }

  #setThread({ tid, registers, rseq, signalMask }: ThreadContents): void {
    const { context: { sys }, traceeOf, writer } = this.#options;
    const { pid } = traceeOf(tid);
    writer.write(pid, registers);
    if (rseq !== undefined && rseq.section !== 0n) {
      // The kernel forgets it while the agent runs.
      sys.writeMemory(pid, rseq.address + RSEQ_SECTION, words(rseq.section));
    }
    sys.ptraceSetSignalMask(pid, signalMask);
  }
}

function hasLateActions({ actions }: TaskContents): boolean {
  return actions.some(isLate);
}
