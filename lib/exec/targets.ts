import { joinPath, relativePath } from "../model/cgroup_path.ts";
import { UNIFIED } from "../model/hierarchy.ts";
import type { Attach, Plan } from "../plan/plan.ts";
import { O_DIRECTORY, O_RDONLY, O_WRONLY } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import { attachSteps } from "./compile_program.ts";
import { forEachAlways } from "../for_each_always.ts";
import type { Yard } from "./yard.ts";

/**
 * Descriptors of all that the tasks, and deputies, write themselves into or are born in. They are inherited by the
 * coordinator and from there by every task, so that a move is a single write(2), and are closed by each task in the end.
 */
export class Targets {
  readonly #fds = new Map<string, number>();

  constructor(readonly sys: Sys) {}

  /** Every descriptor, ascending. */
  get descriptors(): number[] {
    return [...this.#fds.values()].sort((a, b) => a - b);
  }

  attachTarget(step: Attach): number {
    return this.#get(attachKey(step));
  }

  birthPlace(path: string): number {
    return this.#get(birthKey(path));
  }

  open(key: string, open: () => number): void {
    if (this.#fds.has(key)) return;
    const fd = open();
    this.#fds.set(key, fd);
    this.sys.setCloseOnExec(fd, false);
  }

  close(): void {
    const fds = this.descriptors;
    this.#fds.clear();
    forEachAlways(fds, (fd) => this.sys.close(fd));
  }

  #get(key: string): number {
    const fd = this.#fds.get(key);
    if (fd === undefined) throw new RangeError(`Cannot use "${key}": it has not been opened`);
    return fd;
  }
}

/** Opens the targets of a plan's programs and deputies; the caller closes them once the coordinator has been started. */
export function openTargets(sys: Sys, yard: Yard, plan: Plan): Targets {
  const targets = new Targets(sys);
  try {
    for (const program of plan.tasks) {
      for (const step of attachSteps(program)) openAttachTarget(targets, yard, step);
    }
    for (const step of [...plan.coordinator, ...plan.tasks.flatMap((program) => program.steps)]) {
      if (step.kind === "attach") openAttachTarget(targets, yard, step);
      if (step.kind === "create-task" && step.into !== undefined) openBirthPlace(targets, yard, step.into);
    }
    for (const { into, moves } of plan.contents?.deputies ?? []) {
      if (into !== undefined) openBirthPlace(targets, yard, into);
      for (const move of moves) openAttachTarget(targets, yard, move);
    }
    return targets;
  } catch (error) {
    targets.close();
    throw error;
  }
}

function openBirthPlace(targets: Targets, yard: Yard, path: string): void {
  targets.open(birthKey(path), () => (
    targets.sys.openBeneath(yard.root(UNIFIED), relativePath(path), O_RDONLY | O_DIRECTORY)
  ));
}

function openAttachTarget(targets: Targets, yard: Yard, step: Attach): void {
  targets.open(attachKey(step), () => (
    targets.sys.openBeneath(yard.root(step.hierarchy), relativePath(joinPath(step.path, step.file)), O_WRONLY)
  ));
}

function attachKey(step: Attach): string {
  return `${step.hierarchy}:${joinPath(step.path, step.file)}`;
}

function birthKey(path: string): string {
  return `${UNIFIED}:${path}`;
}
