import { ok as assert } from "node:assert/strict";
import type { Host } from "../../lib/host/host.ts";
import { COORDINATOR, type Plan, type TaskProgram, type TaskStep } from "../../lib/plan/plan.ts";

/** A process as the simulated kernel sees it. */
export interface SimulatedTask {
  readonly pid: number;
  parent: number;
  session: number;
  group: number;
  comm: string;
  isSubreaper: boolean;
  status: number | undefined;
  /** Path by hierarchy. */
  readonly places: Map<string, string>;
  readonly threads: Map<number, { comm: string; places: Map<string, string> }>;
}

/** Session and group of cgrestore itself. */
export const OUTSIDE = -7;

/** What a simulated run came to. */
export interface Simulation {
  readonly tasks: ReadonlyMap<number, SimulatedTask>;
  readonly writes: number;
}

/**
 * Runs the programs and endings of a plan on a model of the kernel, which refuses what Linux would refuse.
 *
 * @param choose picks who runs next: an index below `count`, of those that have steps left, oldest first
 */
export function simulateTasks(
  plan: Pick<Plan, "tasks" | "endings" | "lateMoves" | "newPidNamespace">,
  host: Pick<Host, "hierarchies">,
  choose: (count: number) => number = (count) => count - 1,
): Simulation {
  const kernel = new Kernel(plan, host);
  const programs = new Map(plan.tasks.map((program) => [program.pid, program]));
  const root = plan.tasks[0];
  assert(root?.maker === COORDINATOR, "the coordinator makes the first task");
  const running = [{ program: root, next: 0 }];
  kernel.begin(root.pid);
  while (running.length > 0) {
    const index = choose(running.length);
    const current = running[index]!;
    const step = current.program.steps[current.next++];
    if (step === undefined) {
      running.splice(index, 1);
      continue;
    }
    kernel.run(current.program, step);
    if (step.kind !== "create-task") continue;
    const program = programs.get(step.pid);
    assert(program?.maker === current.program.pid, `program of ${step.pid} names its maker`);
    running.push({ program, next: 0 });
  }
  assert(kernel.tasks.size === plan.tasks.length, "every program runs");
  kernel.end();
  return kernel;
}

class Kernel implements Simulation {
  readonly tasks = new Map<number, SimulatedTask>();
  writes = 0;
  readonly #plan: Pick<Plan, "endings" | "lateMoves" | "newPidNamespace">;
  readonly #unified: string | undefined;
  readonly #own: Map<string, string>;
  readonly #hierarchies: Host["hierarchies"];

  constructor(plan: Pick<Plan, "endings" | "lateMoves" | "newPidNamespace">, host: Pick<Host, "hierarchies">) {
    this.#plan = plan;
    this.#unified = host.hierarchies.find(({ version }) => version === 2)?.name;
    this.#hierarchies = host.hierarchies;
    this.#own = new Map(host.hierarchies.map(({ name, ownPath }) => [name, ownPath]));
  }

  begin(pid: number): void {
    const ids = { parent: 0, session: OUTSIDE, group: OUTSIDE, comm: "cgrestore" };
    this.#add(pid, { ...ids, places: this.#own });
  }

  /** Files of the cgroups that a task is in. */
  #values({ places }: Pick<SimulatedTask, "places">): ReadonlyMap<string, string>[] {
    return this.#hierarchies.flatMap(({ name, cgroups }) => cgroups.get(places.get(name) ?? "")?.values ?? []);
  }

  #isFrozen(task: SimulatedTask): boolean {
    return this.#values(task).some((values) => values.has("freezer.state") || values.has("cgroup.freeze"));
  }

  #checkBirth(child: SimulatedTask): void {
    assert(!this.#isFrozen(child), `task ${child.pid} is not born frozen`);
    for (const { name, cgroups } of this.#hierarchies) {
      const path = child.places.get(name) ?? "";
      const max = Number(cgroups.get(path)?.values.get("pids.max") ?? Infinity);
      let count = 0;
      for (const { places, threads } of this.tasks.values()) {
        for (const one of [places, ...[...threads.values()].map((thread) => thread.places)]) {
          if (one.get(name) === path) count++;
        }
      }
      assert(count <= max, `clone of ${child.pid} in ${path}: EAGAIN`);
    }
  }

  #add(pid: number, from: Pick<SimulatedTask, "parent" | "session" | "group" | "comm" | "places">): SimulatedTask {
    assert(pid > 0 && !this.tasks.has(pid), `pid ${pid} is free`);
    const places = new Map(from.places);
    const task = { ...from, pid, places, isSubreaper: false, status: undefined, threads: new Map() };
    this.tasks.set(pid, task);
    return task;
  }

  #get(pid: number): SimulatedTask {
    const task = this.tasks.get(pid);
    assert(task !== undefined && task.status === undefined, `task ${pid} lives`);
    return task;
  }

  run(program: Pick<TaskProgram, "pid" | "threads">, step: TaskStep): void {
    const task = this.#get(program.pid);
    assert(!this.#isFrozen(task), `task ${task.pid} can run`);
    switch (step.kind) {
      case "attach":
        assert(step.file === "cgroup.procs" && this.#own.has(step.hierarchy), "a process moves as a whole");
        this.#moveProcess(task, step);
        return;
      case "create-task": {
        assert(step.as === "child" || task.parent !== 0, "no sibling of the root");
        const child = this.#add(step.pid, { ...task, parent: step.as === "child" ? task.pid : task.parent });
        if (step.into !== undefined) child.places.set(this.#unified!, step.into);
        this.#checkBirth(child);
        return;
      }
      case "create-thread": {
        const thread = { comm: task.comm, places: new Map(task.places) };
        task.threads.set(step.tid, thread);
        for (const own of program.threads.find(({ tid }) => tid === step.tid)!.steps) {
          if (own.kind === "set-name") thread.comm = own.comm;
          else this.#move(thread, own);
        }
        return;
      }
      case "set-name":
        task.comm = step.comm;
        return;
      case "new-session":
        assert([...this.tasks.values()].every(({ group }) => group !== task.pid), `setsid of ${task.pid}: EPERM`);
        task.session = task.group = task.pid;
        return;
      case "set-group":
        this.#setGroup(task, step.group);
        return;
      case "set-child-subreaper":
        task.isSubreaper = step.on;
        return;
      case "unshare-cgroup-namespace":
        return;
    }
  }

  #move(who: { places: Map<string, string> }, { hierarchy, path }: { hierarchy: string; path: string }): void {
    who.places.set(hierarchy, path);
    this.writes++;
  }

  #moveProcess(task: SimulatedTask, to: { hierarchy: string; path: string }): void {
    this.#move(task, to);
    for (const { places } of task.threads.values()) places.set(to.hierarchy, to.path);
  }

  #setGroup(task: SimulatedTask, group: number): void {
    assert(task.session !== task.pid, `setpgid of the session leader ${task.pid}: EPERM`);
    const exists = [...this.tasks.values()].some((other) => other.group === group && other.session === task.session);
    assert(group === task.pid || exists, `setpgid(${task.pid}, ${group}): EPERM`);
    task.group = group;
  }

  end(): void {
    for (const { pid, step } of this.#plan.endings) {
      if (step.kind === "exit") this.#exit(pid, step.status);
      else if (step.kind === "reap") {
        this.#get(pid);
        const child = this.tasks.get(step.child);
        assert(child?.status !== undefined && child.parent === pid, `${pid} can wait for ${step.child}`);
        this.tasks.delete(step.child);
      } else this.run({ pid, threads: [] }, step);
    }
    for (const late of this.#plan.lateMoves) this.#moveProcess(this.#get(late.pid), late);
  }

  #exit(pid: number, status: number): void {
    const task = this.#get(pid);
    task.status = status;
    const isInit = (other: SimulatedTask) => this.#plan.newPidNamespace && other.parent === 0;
    let adopter = this.tasks.get(task.parent);
    while (adopter !== undefined && !adopter.isSubreaper && !isInit(adopter)) adopter = this.tasks.get(adopter.parent);
    for (const child of this.tasks.values()) if (child.parent === pid) child.parent = adopter?.pid ?? -1;
  }
}
