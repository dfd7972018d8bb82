/** The state of the fake kernel, and how it moves on. */

import { FakeHierarchy } from "./fake_cgroups.ts";
import type { FakeHost } from "./fake_hosts.ts";
import { type FakeMount, MountNamespace } from "./fake_mounts.ts";
import { Errno, Link, MemoryDirectory, MemoryFile, OpenFile, TextFile } from "./fake_nodes.ts";
import { ProcDirectory } from "./fake_proc.ts";
import { FakePid, FakeTask, PidNamespace } from "./fake_tasks.ts";

/** `f_type` of the root file system; any that is none of the kernel's own. */
const ORDINARY = 0xef53;

/** All that the fake kernel knows. `self` is cgrestore. */
export class FakeKernel {
  readonly hierarchies = new Map<string, FakeHierarchy>();
  readonly namespace = new PidNamespace(undefined);
  readonly home: MountNamespace;
  readonly self: FakeTask;
  /** Memory that cgrestore has mapped and not released. */
  readonly mapped = new Set<MemoryFile>();
  readonly files = new MemoryDirectory(ORDINARY);
  readonly proc: ProcDirectory;
  workingDirectory = "/";
  /** Hierarchies that stay without mounts, because v1 controllers or the host hold them. */
  readonly #permanent = new Set<FakeHierarchy>();
  #nextHierarchy = 1;

  constructor(readonly host: FakeHost) {
    for (const { name, controllers } of host.hierarchies) this.#permanent.add(this.#addHierarchy(name, controllers));
    this.proc = new ProcDirectory(this);
    this.home = new MountNamespace(this.#hostMounts());
    for (const { target } of this.home.mounts.slice(1)) this.files.put(target, new MemoryDirectory(ORDINARY));
    for (const [path, content] of Object.entries(host.files ?? {})) {
      const target = typeof content === "string" && content.startsWith("-> ") ? content.slice(3) : undefined;
      const file = new TextFile(ORDINARY, () => content);
      this.files.put(path, target === undefined ? file : new Link(ORDINARY, () => target));
    }
    const init = this.#addTask(1, "init", undefined);
    init.autoReaps = true;
    this.namespace.init = init;
    for (const { pid, comm } of host.tasks ?? []) this.#addTask(pid, comm, init);
    this.self = this.#addTask(host.pid, "cgrestore", init);
    for (let fd = 0; fd < 3; fd++) {
      this.self.descriptors.add(new OpenFile(new TextFile(ORDINARY, () => ""), "/dev/null", 2));
      this.self.descriptors.get(fd).closeOnExec = false;
    }
    this.#fillHierarchies();
  }

  /** The hierarchy with this name, made when it does not exist. */
  attachHierarchy(name: string, controllers: readonly string[]): FakeHierarchy {
    return this.hierarchies.get(name) ?? this.#addHierarchy(name, controllers);
  }

  /** Controllers that no v1 hierarchy has. */
  get looseControllers(): string[] {
    const used = new Set(
      [...this.hierarchies.values()].filter(({ version }) => version === 1).flatMap((h) => h.controllers),
    );
    return this.host.controllers.filter((name) => !used.has(name));
  }

  /** Every task and thread, by its number in the first pid namespace. */
  get tasks(): ReadonlyMap<number, FakeTask> {
    return this.namespace.tasks;
  }

  /** Lets everything that can go on go on, until nothing does; then drops what nobody holds. */
  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const task of [...this.tasks.values()]) {
        if (task.dying !== undefined && !task.isDeeplyFrozen) task.end(task.dying), moved = true;
        else if (task.state === "running" && this.#advance(task)) moved = true;
      }
    }
    this.#dropHierarchies();
  }

  /** Whether the task did something. */
  #advance(task: FakeTask): boolean {
    if (task.isFrozen) return false;
    const signal = task.pending.shift();
    if (signal !== undefined) {
      if (task.tracer === undefined) task.deliver(signal);
      else this.stop(task, signal, 0);
      return true;
    }
    const stop = task.program?.next().value;
    if (task.state !== "running") return true;
    switch (stop?.kind) {
      case "signal":
        if (task.tracer === undefined) task.end(stop.signal);
        else this.stop(task, stop.signal, 0);
        return true;
      case "blocked":
        return false;
      case "ready":
        return true;
      default:
        task.state = "sleeping";
        return true;
    }
  }

  /** Stops a tracee with a signal and a ptrace event, for the tracer to see. */
  stop(task: FakeTask, signal: number, event: number): void {
    task.state = "traced";
    task.isRedirected = false;
    task.event = (event << 16) | (signal << 8) | 0x7f;
  }

  /** The kernel forgets a hierarchy that has no controllers, no child cgroups, no mounts and no open files. */
  #dropHierarchies(): void {
    for (const [name, hierarchy] of this.hierarchies) {
      if (this.#permanent.has(hierarchy) || hierarchy.root.children.size > 0 || this.#isHeld(hierarchy)) continue;
      this.hierarchies.delete(name);
      for (const task of this.tasks.values()) task.cgroups.delete(hierarchy);
    }
  }

  #isHeld(hierarchy: FakeHierarchy): boolean {
    const namespaces = new Set([this.home, ...[...this.tasks.values()].map((task) => task.mounts)]);
    if ([...namespaces].some(({ mounts }) => mounts.some(({ root }) => root.hierarchy === hierarchy))) return true;
    return [...this.tasks.values()].some((task) => (
      task.isLeader && [...task.descriptors].some(([, { file }]) => file.node.hierarchy === hierarchy)
    ));
  }

  #addHierarchy(name: string, controllers: readonly string[] | undefined): FakeHierarchy {
    const own = name === "" || name.startsWith("name=") ? [] : name.split(",");
    const id = name === "" ? 0 : this.#nextHierarchy++;
    const hierarchy = new FakeHierarchy(name, id, controllers ?? own);
    this.hierarchies.set(name, hierarchy);
    for (const task of this.tasks.values()) hierarchy.put([task], hierarchy.root);
    return hierarchy;
  }

  #addTask(number: number, comm: string, parent: FakeTask | undefined): FakeTask {
    const pid = new FakePid();
    pid.numbers.set(this.namespace, number);
    const task = new FakeTask({ pid, namespace: this.namespace, comm, mounts: this.home });
    task.parent = parent;
    this.namespace.tasks.set(number, task);
    for (const hierarchy of this.hierarchies.values()) hierarchy.put([task], hierarchy.root);
    return task;
  }

  #hostMounts(): FakeMount[] {
    const mount = { options: "rw,relatime", superOptions: "rw" };
    const mounts: FakeMount[] = [
      { ...mount, target: "/", root: this.files, type: "ext4", source: "/dev/vda1" },
      { ...mount, target: "/proc", root: this.proc, type: "proc", source: "proc" },
    ];
    for (const { name, mountPoint, options, superOptions } of this.host.hierarchies) {
      const root = this.hierarchies.get(name)?.root;
      if (mountPoint === undefined || root === undefined) continue;
      const type = name === "" ? "cgroup2" : "cgroup";
      const data = superOptions ??
        (name === "" ? "rw,nsdelegate" : name.startsWith("name=") ? `rw,xattr,${name}` : `rw,${name}`);
      mounts.push({
        target: mountPoint,
        root,
        type,
        source: type,
        options: options ?? "rw,nosuid,nodev,noexec,relatime",
        superOptions: data,
      });
    }
    return mounts;
  }

  /** The cgroups that the host has, the values in them, and where its tasks are. */
  #fillHierarchies(): void {
    for (const { name, cgroups = [], values = {}, ownPath = "/" } of this.host.hierarchies) {
      const hierarchy = this.attachHierarchy(name, []);
      for (const path of cgroups) {
        const [parent, child] = [
          hierarchy.find(path.slice(0, path.lastIndexOf("/"))),
          path.slice(path.lastIndexOf("/") + 1),
        ];
        parent?.make(child, 0o755);
      }
      for (const [path, value] of Object.entries(values)) {
        const file = hierarchy.find(path.slice(0, path.lastIndexOf("/")))?.files.get(
          path.slice(path.lastIndexOf("/") + 1),
        );
        if (file === undefined) throw new RangeError(`Cannot find "${path}" in "${name}"`);
        if (file.name === "cgroup.subtree_control") file.cgroup.enable(value);
        else file.value = value;
      }
      const own = hierarchy.find(ownPath);
      if (own === undefined) throw new Errno("ENOENT");
      hierarchy.put([this.self], own);
    }
  }
}
