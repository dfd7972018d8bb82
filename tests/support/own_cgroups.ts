import {
  describeHierarchies,
  describePlace,
  listCgroups,
  type MountedHierarchy,
  pause,
  removeCgroup,
} from "./kernel_state.ts";

/** A name for the cgroups and hierarchies of one test, which no other has: `cgr-…`. */
export function chooseId(): string {
  return `cgr-${crypto.randomUUID().slice(0, 8)}`;
}

/** A cgroup to make; its parent is made before it. */
export interface OwnCgroup {
  readonly hierarchy: string;
  readonly path: string;
  /** Files to write, in order. */
  readonly files?: readonly (readonly [file: string, value: string])[];
  readonly mode?: number;
  readonly owner?: readonly [uid: number, gid: number];
}

/** Cgroups and named hierarchies of one test; all are removed in the end. */
export class OwnCgroups implements Disposable {
  readonly id: string;
  readonly #mountPoints: string[] = [];
  /** Every named hierarchy there has been, mounted or not. */
  readonly #names = new Set<string>();
  readonly #directory = Deno.makeTempDirSync({ prefix: "cgr-" });

  constructor(id = chooseId()) {
    this.id = id;
  }

  /** Every hierarchy of this host, but the named ones of other tests. */
  get hierarchies(): MountedHierarchy[] {
    return describeHierarchies().filter(({ name }) =>
      !name.startsWith("name=cgr-") || name.startsWith(`name=${this.id}`)
    );
  }

  /** Mounts a new hierarchy `name=ID-SUFFIX`; returns its name. */
  mountNamed(suffix: string): string {
    const name = `name=${this.id}-${suffix}`;
    const mountPoint = `${this.#directory}/${suffix}`;
    Deno.mkdirSync(mountPoint);
    runTool("mount", ["-t", "cgroup", "-o", `none,${name}`, "cgroup", mountPoint]);
    this.#mountPoints.push(mountPoint);
    this.#names.add(name);
    return name;
  }

  /** Where a hierarchy is mounted. */
  mountPoint(hierarchy: string): string {
    const found = this.hierarchies.find(({ name }) => name === hierarchy);
    if (found === undefined) throw new Error(`No hierarchy "${hierarchy}" is mounted here`);
    return found.mountPoint;
  }

  make({ hierarchy, path, files = [], mode, owner }: OwnCgroup): void {
    const directory = `${this.mountPoint(hierarchy)}${path}`;
    Deno.mkdirSync(directory);
    if (hierarchy.split(",").includes("cpuset")) copyCpuset(directory);
    for (const [file, value] of files) Deno.writeTextFileSync(`${directory}/${file}`, value);
    for (const file of ["", "/cgroup.procs"]) {
      if (mode !== undefined) Deno.chmodSync(`${directory}${file}`, file === "" ? mode : mode & 0o666);
      if (owner !== undefined) Deno.chownSync(`${directory}${file}`, owner[0], owner[1]);
    }
  }

  /** Removes every cgroup of the test, deepest first; the named hierarchies stay mounted. */
  remove(): void {
    for (const { name, mountPoint } of this.hierarchies) {
      const own = name.startsWith(`name=${this.id}`) ? childrenOf(mountPoint) : [`/${this.id}`];
      for (const path of own.flatMap((path) => listCgroups(mountPoint, path)).reverse()) {
        removeCgroup(`${mountPoint}${path}`);
      }
    }
  }

  /** Unmounts the named hierarchies, and waits until the kernel has forgotten them. */
  unmount(): void {
    for (const mountPoint of this.#mountPoints.splice(0)) {
      const name = `name=${this.id}-${mountPoint.slice(this.#directory.length + 1)}`;
      runTool("umount", [mountPoint]);
      endHierarchy(name, mountPoint);
      Deno.removeSync(mountPoint);
    }
  }

  [Symbol.dispose](): void {
    this.remove();
    this.unmount();
    // What a failed test has left.
    for (const name of this.#names) endHierarchy(name, this.#directory);
    Deno.removeSync(this.#directory);
  }
}

function childrenOf(mountPoint: string): string[] {
  return [...Deno.readDirSync(mountPoint)].filter(({ isDirectory }) => isDirectory).map(({ name }) => `/${name}`);
}

/** A new v1 cpuset is empty, and no task can enter it (cpuset(7)). */
function copyCpuset(directory: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    Deno.writeTextFileSync(`${directory}/${file}`, Deno.readTextFileSync(`${directory}/../${file}`));
  }
}

/**
 * Ends a named hierarchy that has just been unmounted.
 *
 * A hierarchy ends with its last mount only where it has no cgroups (cgroup_kill_sb in kernel/cgroup/cgroup.c), and a
 * removed cgroup counts for some time: until init has waited for the tasks that ended in it. Mounted and unmounted
 * again later, it ends.
 */
export function endHierarchy(name: string, mountPoint: string): void {
  for (let tries = 0; tries < 1000; tries++) {
    if (!describePlace("/proc/self/cgroup").some((line) => line.startsWith(`${name}:`))) return;
    pause(20);
    // Fails when the hierarchy has ended meanwhile.
    const mounting = new Deno.Command("mount", {
      args: ["-t", "cgroup", "-o", name, "cgroup", mountPoint],
      stderr: "null",
    });
    if (mounting.outputSync().success) runTool("umount", [mountPoint]);
  }
  throw new Error(`The hierarchy "${name}" does not end`);
}

function runTool(command: string, args: readonly string[]): void {
  const { success, stderr } = new Deno.Command(command, { args: [...args] }).outputSync();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
