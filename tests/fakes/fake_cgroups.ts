/** Cgroup hierarchies of the fake kernel: directories, who is in them, and the rules for both. */

import { CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC, S_IFDIR } from "../../lib/sys/constants.ts";
import type { DirectoryEntry } from "../../lib/sys/sys.ts";
import { CgroupFile, filesOf } from "./fake_cgroup_files.ts";
import { Errno, FakeNode } from "./fake_nodes.ts";
import type { FakeTask } from "./fake_tasks.ts";

/** Controllers of v2 that threads may compete under (cgroup-v2.rst, "Threads"). */
const THREADED = new Set(["cpu", "cpuset", "perf_event", "pids"]);

/** One hierarchy; `name` as in `/proc/PID/cgroup`. */
export class FakeHierarchy {
  readonly root: FakeCgroup;
  readonly version: 1 | 2;

  /** @param controllers for v1 those of the name; for v2 the loose ones */
  constructor(readonly name: string, readonly id: number, readonly controllers: readonly string[]) {
    this.version = name === "" ? 2 : 1;
    this.root = new FakeCgroup(this, undefined, { name: "", mode: 0o755 });
  }

  /** The cgroup at `path`; `undefined` when there is none. */
  find(path: string): FakeCgroup | undefined {
    let cgroup: FakeCgroup | undefined = this.root;
    for (const name of path.split("/").filter((name) => name !== "")) cgroup = cgroup?.children.get(name);
    return cgroup;
  }

  /** Every cgroup, parents first. */
  *all(from: FakeCgroup = this.root): Iterable<FakeCgroup> {
    yield from;
    for (const child of from.children.values()) yield* this.all(child);
  }

  /** Where a task is. */
  cgroupOf(task: FakeTask): FakeCgroup {
    return task.cgroups.get(this) ?? this.root;
  }

  /** Moves threads without asking. */
  put(tasks: Iterable<FakeTask>, cgroup: FakeCgroup): void {
    for (const task of tasks) {
      task.cgroups.get(this)?.members.delete(task);
      task.cgroups.set(this, cgroup);
      if (task.isAlive) cgroup.members.add(task);
    }
  }
}

/** A directory of a hierarchy. */
export class FakeCgroup extends FakeNode {
  readonly name: string;
  readonly children = new Map<string, FakeCgroup>();
  readonly files = new Map<string, CgroupFile>();
  /** The threads in it that are alive. */
  readonly members = new Set<FakeTask>();
  /** A thread has just died in it: rmdir says EBUSY until some time has passed, as css are freed late. */
  lingers = false;
  /** v2: whether `cgroup.type` was made "threaded". */
  isThreaded = false;
  /** v2: `cgroup.subtree_control`. */
  readonly enabled = new Set<string>();

  constructor(
    override readonly hierarchy: FakeHierarchy,
    readonly parent: FakeCgroup | undefined,
    options: { readonly name: string; readonly mode: number },
  ) {
    super(hierarchy.version === 2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC, S_IFDIR | options.mode);
    this.name = options.name;
    this.updateFiles();
  }

  get path(): string {
    if (this.parent === undefined) return "/";
    return this.parent.parent === undefined ? `/${this.name}` : `${this.parent.path}/${this.name}`;
  }

  /** What may be enabled below: v2's `cgroup.controllers`; for v1, what the hierarchy has. */
  get controllers(): readonly string[] {
    if (this.hierarchy.version === 1 || this.parent === undefined) return this.hierarchy.controllers;
    return this.hierarchy.controllers.filter((name) => this.parent?.enabled.has(name));
  }

  /** Makes files that came with a controller, and takes away those that went with one. */
  updateFiles(): void {
    const kinds = filesOf(this);
    for (const name of this.files.keys()) if (!kinds.has(name)) this.files.delete(name);
    for (const [name, kind] of kinds) if (!this.files.has(name)) this.files.set(name, new CgroupFile(this, name, kind));
  }

  override child(name: string): FakeNode | undefined {
    return this.children.get(name) ?? this.files.get(name);
  }

  override list(): DirectoryEntry[] {
    return [
      ...[...this.files.keys()].map((name) => ({ name, isDirectory: false })),
      ...[...this.children.keys()].map((name) => ({ name, isDirectory: true })),
    ];
  }

  override make(name: string, mode: number): void {
    if (this.child(name) !== undefined) throw new Errno("EEXIST");
    if (name.includes("\n")) throw new Errno("EINVAL");
    const child = new FakeCgroup(this.hierarchy, this, { name, mode: mode & 0o7777 });
    this.children.set(name, child);
    if (this.files.get("cgroup.clone_children")?.value !== "1") return;
    for (const file of ["cgroup.clone_children", "cpuset.cpus", "cpuset.mems"]) {
      const [from, to] = [this.files.get(file), child.files.get(file)];
      if (from !== undefined && to !== undefined) to.value = from.value;
    }
  }

  override remove(name: string): void {
    const child = this.children.get(name);
    if (child === undefined) throw new Errno(this.files.has(name) ? "ENOTDIR" : "ENOENT");
    if (child.members.size > 0 || child.children.size > 0 || child.lingers) throw new Errno("EBUSY");
    this.children.delete(name);
  }

  /** v2: the cgroup in which the threads of its processes compete with others. */
  get domain(): FakeCgroup {
    return this.isThreaded && this.parent !== undefined ? this.parent.domain : this;
  }

  /** v2: `cgroup.type`. */
  get type(): string {
    if (this.isThreaded) return "threaded";
    if (this.parent?.isThreaded || this.parent?.hasThreadedChild && this.parent.parent !== undefined) {
      return "domain invalid";
    }
    return this.hasThreadedChild ? "domain threaded" : "domain";
  }

  get hasThreadedChild(): boolean {
    return [...this.children.values()].some((child) => child.isThreaded);
  }

  /** Whether a thread is in it or below. */
  get isPopulated(): boolean {
    return this.members.size > 0 || [...this.children.values()].some((child) => child.isPopulated);
  }

  /** v2: cgroup_can_be_thread_root of kernel/cgroup/cgroup.c. */
  get canBeThreadRoot(): boolean {
    if (this.parent === undefined) return true;
    if ([...this.children.values()].some((child) => !child.isThreaded && child.isPopulated)) return false;
    return [...this.enabled].every((name) => THREADED.has(name));
  }

  /** Fails where tasks cannot enter: v2's rule about internal processes, an empty v1 cpuset. */
  checkEntry(): void {
    if (this.hierarchy.version === 2) {
      if (this.domain.type === "domain invalid") throw new Errno("EOPNOTSUPP");
      if (!this.canBeThreadRoot && !this.isThreaded && this.enabled.size > 0) throw new Errno("EBUSY");
    }
    const isEmpty = (file: string) => this.files.get(file)?.value === "";
    if (this.hierarchy.version === 1 && (isEmpty("cpuset.cpus") || isEmpty("cpuset.mems"))) throw new Errno("ENOSPC");
  }

  /** Fails where one more task is one too many. */
  checkFork(): void {
    // deno-lint-ignore no-this-alias -- walks up from here
    for (let cgroup: FakeCgroup | undefined = this; cgroup !== undefined; cgroup = cgroup.parent) {
      const max = cgroup.files.get("pids.max")?.value ?? "max";
      if (max !== "max" && cgroup.countTasks() >= Number(max)) throw new Errno("EAGAIN");
    }
  }

  /** Threads in it and below. */
  countTasks(): number {
    return [...this.children.values()].reduce((sum, child) => sum + child.countTasks(), this.members.size);
  }

  /** Whether v1's freezer or v2's `cgroup.freeze` stops what is in it. */
  get isFrozen(): boolean {
    const own = this.files.get("freezer.state")?.value === "FROZEN" || this.files.get("cgroup.freeze")?.value === "1";
    return own || (this.parent?.isFrozen ?? false);
  }

  /** v2: carries out a write to `cgroup.subtree_control`. */
  enable(changes: string): void {
    const words = changes.split(/\s+/).filter((word) => word !== "");
    for (const word of words) {
      if (!/^[+-]/.test(word)) throw new Errno("EINVAL");
      if (!this.hierarchy.controllers.includes(word.slice(1))) throw new Errno("EINVAL");
    }
    const added = words.filter((word) => word.startsWith("+")).map((word) => word.slice(1))
      .filter((name) => !this.enabled.has(name));
    const taken = words.filter((word) => word.startsWith("-")).map((word) => word.slice(1));
    if (added.some((name) => !this.controllers.includes(name))) throw new Errno("ENOENT");
    for (const child of this.children.values()) {
      if (taken.some((name) => child.enabled.has(name))) throw new Errno("EBUSY");
    }
    if (added.length > 0) this.#checkEnable(added);
    for (const name of added) this.enabled.add(name);
    for (const name of taken) this.enabled.delete(name);
    for (const child of this.children.values()) child.updateFiles();
  }

  /** cgroup_vet_subtree_control_enable of kernel/cgroup/cgroup.c. */
  #checkEnable(added: readonly string[]): void {
    if (this.parent === undefined) return;
    if (added.some((name) => !THREADED.has(name))) {
      if (this.isThreaded || this.hasThreadedChild) throw new Errno("EOPNOTSUPP");
    } else if (this.canBeThreadRoot || this.isThreaded) return;
    if (this.members.size > 0) throw new Errno("EBUSY");
  }
}
