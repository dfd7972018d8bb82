import type { FileStep } from "../../../plan/contents/file_step.ts";
import { COORDINATOR, deputyId } from "../../../plan/plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { compileFileStep } from "./compile_file_step.ts";
import { enterMounts } from "../namespaces/make_mounts.ts";
import { enterNet } from "../namespaces/nested_nets.ts";
import type { FilesContext } from "./file_calls.ts";
import { compilePerformance, groupSteps } from "./unix/perform.ts";

/** Calls that are made in one go. */
export interface Turn {
  /** Who makes them: pid of a task, the coordinator, or id of a deputy. */
  readonly by: number;
  readonly calls: readonly RemoteCall[];
}

/**
 * Who makes which calls, one after the other, so that all steps are done.
 *
 * @param hostPid the pid by which the coordinator knows a task
 */
export function compileFileSteps(
  context: FilesContext,
  steps: readonly FileStep[],
  hostPid: (pid: number) => number,
): Turn[] {
  const turns = new Turns(context);
  for (const group of groupSteps(context, steps)) {
    const performance = compilePerformance(context, group, hostPid);
    if (performance === undefined) {
      turns.enter(group[0]);
      turns.add(group.flatMap((step) => compileHere(context, step)));
      continue;
    }
    const { pid, first, coordinator, last } = performance;
    turns.take(pid, first);
    turns.take(COORDINATOR, coordinator);
    turns.take(pid, last);
  }
  return turns.finish();
}

/** The numbers of the namespaces that somebody is in. */
interface Surroundings {
  readonly mountNamespace: number;
  readonly network: number;
}

const OF_ROOT_TASK: Surroundings = { mountNamespace: 0, network: 0 };

/** Turns that come one after the other. */
class Turns {
  readonly #context: FilesContext;
  readonly #turns: Turn[] = [];
  /** Where those are who have entered namespaces; the others are in those of the root task. */
  readonly #surroundings = new Map<number, Surroundings>();
  #by = COORDINATOR;
  #calls: RemoteCall[] = [];

  constructor(context: FilesContext) {
    this.#context = context;
  }

  /** Gives the turn to who does a step, in the namespaces of the step. */
  enter({ deputy, mountNamespace = 0, network = 0 }: Pick<FileStep, "deputy" | "mountNamespace" | "network">): void {
    this.#giveTo(deputy === undefined ? COORDINATOR : deputyId(deputy));
    const { mountNamespaces, netNamespaces } = this.#context;
    const before = this.#surroundings.get(this.#by) ?? OF_ROOT_TASK;
    if (mountNamespace !== before.mountNamespace) {
      this.add(enterMounts(this.#context, mountNamespaces[mountNamespace] ?? -1));
    }
    if (network !== before.network) this.add([enterNet(this.#context, netNamespaces[network] ?? -1)]);
    this.#surroundings.set(this.#by, { mountNamespace, network });
  }

  /** Adds to what is done by who has the turn. */
  add(calls: readonly RemoteCall[]): void {
    this.#calls.push(...calls);
  }

  /** Gives the turn to somebody who is where these calls have to be made. */
  take(by: number, calls: readonly RemoteCall[]): void {
    this.#giveTo(by);
    this.add(calls);
  }

  /** In the end, the coordinator is in the namespaces of the root task. */
  finish(): Turn[] {
    this.enter({});
    this.#end();
    return this.#turns;
  }

  #giveTo(by: number): void {
    if (by === this.#by) return;
    this.#end();
    this.#by = by;
  }

  #end(): void {
    if (this.#calls.length > 0) this.#turns.push({ by: this.#by, calls: this.#calls });
    this.#calls = [];
  }
}

/** The names that a step makes are of its mount namespace. */
function compileHere(context: FilesContext, step: FileStep): RemoteCall[] {
  const calls = compileFileStep(context, step);
  const { mountNamespace } = step;
  if (mountNamespace === undefined) return calls;
  return calls.map((call) => (
    call.effect === undefined ? call : { ...call, effect: { ...call.effect, mountNamespace } }
  ));
}
