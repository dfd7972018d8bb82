import { isAtOrBelow } from "./cgroup_path.ts";
import { type HierarchyName, UNIFIED } from "./hierarchy.ts";
import type { Mount } from "./mounts.ts";

/** Options of hierarchies that do not tell them apart. */
const SHARED_OPTIONS = new Set(["", "xattr", "clone_children", "noprefix"]);

/** What is mounted in the mount namespaces of tasks, and where their paths lead to. */
export class MountTree {
  readonly #mounts: ReadonlyMap<number, Mount>;
  readonly #children: ReadonlyMap<number | undefined, readonly Mount[]>;
  /** By the number of their namespace. */
  readonly #roots: ReadonlyMap<number, Mount>;

  constructor(readonly mounts: readonly Mount[]) {
    this.#mounts = new Map(mounts.map((mount) => [mount.id, mount]));
    this.#children = Map.groupBy(mounts, ({ parent }) => parent);
    this.#roots = new Map(this.#children.get(undefined)?.map((root) => [root.namespace, root]));
  }

  /**
   * The mount at which a path of a namespace ends: the kernel goes from the root to the first that covers the way, and
   * on from there.
   *
   * @param without a mount that is left away with all that is on it
   */
  mountAt(path: string, namespace = 0, without?: Mount): Mount | undefined {
    let at = this.#roots.get(namespace);
    for (let next = at; next !== undefined;) {
      at = next;
      next = (this.#children.get(at.id) ?? [])
        .filter((mount) => mount !== without && isAtOrBelow(path, mount.mountPoint))
        .sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0];
    }
    return at;
  }

  /** The number of the namespace that a mount is in; of one that is not known, it is that of the root task. */
  namespaceOf(mount: number | undefined): number {
    return mount === undefined ? 0 : this.#mounts.get(mount)?.namespace ?? 0;
  }

  /** Whether there is a mount with this id. */
  has(mount: number): boolean {
    return this.#mounts.has(mount);
  }

  parentOf({ parent }: Mount): Mount | undefined {
    return parent === undefined ? undefined : this.#mounts.get(parent);
  }
}

/** Whether a mount shows a hierarchy of cgroups. */
export function isOfHierarchy({ type, options }: Pick<Mount, "type" | "options">, name: HierarchyName): boolean {
  if (type === "cgroup2") return name === UNIFIED;
  const wanted = options.split(",").filter((option) => !SHARED_OPTIONS.has(option));
  const parts = name.split(",");
  return type === "cgroup" && parts.length === wanted.length && parts.every((part) => wanted.includes(part));
}

/** What is left of a path below a directory: `"/b"`, or nothing for the directory itself. */
export function pathBelow(directory: string, path: string): string {
  return directory === "/" ? path.replace(/^\/$/, "") : path.slice(directory.length);
}
