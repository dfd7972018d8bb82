import { InterruptedError, type Problem, SysError, UndoError, VerifyError } from "../errors.ts";
import { ROOT_PATH } from "../model/cgroup_path.ts";
import type { CgroupStep, LateMove, Plan } from "../plan/plan.ts";
import { SIGTTOU } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import type { Architecture } from "../tracee/architecture.ts";
import { verifyCgroups } from "../verify/verify_cgroups.ts";
import { verifyContents } from "../verify/contents/verify_contents.ts";
import { verifyNamespaces } from "../verify/contents/verify_namespaces.ts";
import { verifyTasks } from "../verify/verify_tasks.ts";
import { adoptTerminal } from "./adopt_terminal.ts";
import { type CgroupContext, describeCgroup, executeCgroupStep } from "./cgroups.ts";
import { Guard, needsGuard } from "./guard.ts";
import { Journal } from "./journal.ts";
import { openTargets } from "./targets.ts";
import { type NamespaceAction, TaskTree } from "./task_tree.ts";
import { applyChange, moveTask } from "./changes.ts";
import type { Yard } from "./yard.ts";

export interface ExecuteOptions {
  readonly architecture: Architecture;
  /** Undo everything after it has been verified, instead of letting the tasks go. */
  readonly rehearse: boolean;
  /** Let every task go stopped (SIGSTOP). */
  readonly leaveStopped: boolean;
  /**
   * Called where tasks have namespaces of their own: when the root task is in them, which does nothing yet, and when they
   * have what they had; a throw undoes everything.
   */
  readonly onNamespaces: (action: NamespaceAction, rootPid: number) => void;
  /**
   * Called when all is verified and nothing has been let go, with the masters of terminals that the caller gets, which
   * are closed behind it; a throw undoes everything.
   */
  readonly onVerified: (rootPid: number, masters: readonly number[]) => void;
}

/** What came of a plan that was followed to its end. */
export interface Outcome {
  /** Pid of the root task on this host. */
  readonly rootPid: number;
  /** Failures that the plan tolerates. */
  readonly notes: readonly string[];
}

/**
 * Follows `plan`, verifies it, and lets the tasks go; or undoes all of it.
 *
 * Decides nothing: what to do is in the plan. `yard` stays open and belongs to the caller.
 *
 * @throws {SysError} when a step fails, {VerifyError} when the kernel says something else than the plan,
 * {InterruptedError} after a signal: in all cases nothing is left; {UndoError} when something could not be undone
 */
export function executePlan(sys: Sys, plan: Plan, options: ExecuteOptions & { readonly yard: Yard }): Outcome {
  const run = new PlanRun(sys, plan, options);
  try {
    run.followPlan();
    run.verify();
    run.checkpoint();
    run.tellVerified();
    if (!options.rehearse) return run.commit();
  } catch (error) {
    run.undo(error);
    // A signal also ends the wait that it falls into, with another error.
    run.checkpoint();
    throw error;
  }
  run.undo(undefined);
  return run.outcome();
}

class PlanRun {
  readonly #sys: Sys;
  readonly #plan: Plan;
  readonly #options: ExecuteOptions & { readonly yard: Yard };
  readonly #journal = new Journal();
  readonly #notes: string[] = [];
  readonly #skipped = new Set<CgroupStep>();
  #guard: Guard | undefined;
  #tree: TaskTree | undefined;
  #rootPid = 0;

  constructor(sys: Sys, plan: Plan, options: ExecuteOptions & { readonly yard: Yard }) {
    this.#sys = sys;
    this.#plan = plan;
    this.#options = options;
  }

  get rootPid(): number {
    return this.#rootPid;
  }

  outcome(): Outcome {
    return { rootPid: this.#rootPid, notes: this.#notes };
  }

  followPlan(): void {
    this.#startGuard();
    this.#followSteps(this.#plan.cgroups);
    this.#createTasks();
    for (const move of this.#plan.lateMoves) this.#moveLate(move);
    this.#followSteps(this.#plan.properties);
    this.#followSteps(this.#plan.freezes);
    this.#adoptTerminals();
  }

  verify(): void {
    const { yard } = this.#options;
    const steps = [...this.#plan.cgroups, ...this.#plan.properties, ...this.#plan.freezes];
    const hostPid = (id: number) => this.#hostPid(id);
    const problems: Problem[] = [
      ...verifyTasks({ sys: this.#sys, hostPid }, this.#plan),
      ...this.#verifyContents(this.#plan.contents),
      ...verifyCgroups(this.#sys, steps, {
        root: (hierarchy) => yard.root(hierarchy),
        skipped: (step) => this.#skipped.has(step),
      }),
    ];
    if (problems.length > 0) throw new VerifyError("Cannot verify what was restored", problems);
  }

  tellVerified(): void {
    const masters = this.#tree?.takeMasters() ?? [];
    try {
      this.#options.onVerified(this.#rootPid, masters);
    } finally {
      for (const fd of masters) this.#sys.close(fd);
    }
  }

  #verifyContents(contents: Plan["contents"]): Problem[] {
    if (contents === undefined) return [];
    const observer = { sys: this.#sys, hostPid: (id: number) => this.#hostPid(id) };
    const observed = this.#tree?.observeNamespaces();
    const pids = contents.tasks.map(({ pid }) => pid);
    return [
      ...observed === undefined ? [] : verifyNamespaces(observer, contents.namespaces, { observed, pids }),
      ...verifyContents(observer, contents),
    ];
  }

  /** Ends the run when a signal has asked for it. */
  checkpoint(): void {
    const signal = this.#sys.caughtSignal();
    if (signal !== 0) throw new InterruptedError(signal);
  }

  commit(): Outcome {
    this.#tree?.resumeConnections();
    const alive = this.#plan.expectedTasks.filter((task) => task.state !== "zombie");
    this.#guard?.armKill(alive.map((task) => this.#hostPid(task.pid)));
    // Whoever waits for the root from now on is no reaper of its orphans.
    this.#sys.setChildSubreaper(false);
    this.#keepNames();
    this.#tree?.release();
    this.#guard?.end();
    this.#journal.forget();
    return this.outcome();
  }

  /** There is no way back any more. */
  #keepNames(): void {
    try {
      this.#tree?.keepNames();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#notes.push(error.message);
    }
  }

  /** Undoes everything; `cause` is why, for the error when that fails. */
  undo(cause: unknown): void {
    const problems = this.#journal.undoAll();
    if (problems.length > 0) throw new UndoError("Cannot undo everything", problems, { cause });
  }

  #startGuard(): void {
    const { yard, architecture } = this.#options;
    if (!needsGuard(this.#plan)) return;
    const guard = new Guard(this.#sys, { plan: this.#plan, yard, architecture });
    this.#guard = guard;
    this.#journal.add("the guard", () => guard.end());
  }

  #followSteps(steps: readonly CgroupStep[]): void {
    const { yard } = this.#options;
    for (const step of steps) {
      this.checkpoint();
      const note = (text: string) => {
        this.#notes.push(text);
        this.#skipped.add(step);
      };
      const context: CgroupContext = { sys: this.#sys, yard, journal: this.#journal, guard: this.#guard, note };
      executeCgroupStep(context, step);
    }
  }

  #createTasks(): void {
    const targets = openTargets(this.#sys, this.#options.yard, this.#plan);
    try {
      this.#sys.setChildSubreaper(true);
      this.#journal.add("cgrestore's being a subreaper", () => this.#sys.setChildSubreaper(false));
      const { architecture, leaveStopped } = this.#options;
      const tree = new TaskTree(this.#sys, this.#plan, {
        architecture,
        targets,
        leaveStopped,
        agentFile: this.#guard?.taskFile,
        checkpoint: () => this.checkpoint(),
        onNamespaces: this.#options.onNamespaces,
        note: (text) => this.#notes.push(text),
      });
      this.#tree = tree;
      this.#guard?.armWaitForTasks();
      this.#journal.add("the devices outside of the net namespace", () => tree.awaitOuterEnds());
      this.#journal.add("the tasks", () => tree.kill());
      this.#journal.add("the names of open files", () => tree.removeNames());
      this.#journal.add("the going on of connections", () => tree.suspendConnections());
      tree.create();
      this.#rootPid = this.#hostPid(this.#plan.expectedTasks[0]?.pid ?? 0);
    } finally {
      targets.close();
    }
  }

  /** Last of all: until then the terminal is as whoever started us has it. */
  #adoptTerminals(): void {
    const adoptions = this.#plan.contents?.terminals.adoptions ?? [];
    if (adoptions.length > 0) this.#sys.ignoreSignal(SIGTTOU);
    const context = { sys: this.#sys, journal: this.#journal, hostPid: (id: number) => this.#hostPid(id) };
    for (const { by, ...adoption } of adoptions) {
      const path = typeof by === "number" ? by : this.#tree?.pathFromHere(by) ?? by;
      adoptTerminal(context, { by: path, ...adoption });
    }
  }

  #moveLate({ pid, hierarchy, path }: LateMove): void {
    const { yard } = this.#options;
    const hostPid = this.#hostPid(pid);
    // It could not be killed where it is frozen (v1).
    const undo = moveTask(hostPid, hierarchy, ROOT_PATH);
    this.#guard?.arm([undo]);
    applyChange(this.#sys, yard, moveTask(hostPid, hierarchy, path));
    this.#journal.add(`task ${pid} in a frozen cgroup`, () => applyChange(this.#sys, yard, undo));
    this.#notes.push(`Task ${pid} sleeps in the frozen cgroup "${describeCgroup(hierarchy, path)}"`);
  }

  #hostPid(id: number): number {
    if (this.#tree === undefined) throw new RangeError("Cannot use a task: none has been made");
    return this.#tree.hostPid(id);
  }
}
