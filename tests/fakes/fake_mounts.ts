/** Mounts of the fake kernel. */

import { S_IFREG } from "../../lib/sys/constants.ts";
import { isAtOrBelow } from "../../lib/model/cgroup_path.ts";
import { Errno, FakeNode } from "./fake_nodes.ts";

/** One mount, as mountinfo tells it. */
export interface FakeMount {
  readonly target: string;
  readonly root: FakeNode;
  readonly type: string;
  readonly source: string;
  readonly options: string;
  readonly superOptions: string;
}

/** A mount namespace: mounts in the order in which they were made, the first being the root. */
export class MountNamespace {
  /** Namespaces that see the mounts made in this one, until it is made private. */
  peer: MountNamespace | undefined;

  constructor(public mounts: readonly FakeMount[]) {}

  copy(): MountNamespace {
    const copy = new MountNamespace(this.mounts);
    copy.peer = this;
    return copy;
  }

  add(mount: FakeMount): void {
    this.mounts = [...this.mounts, mount];
    this.peer?.add(mount);
  }

  /** Takes away the newest mount at `target`, and with MNT_DETACH what lies on it. */
  remove(target: string, detach: boolean): void {
    const index = this.mounts.findLastIndex((mount) => mount.target === target);
    if (index <= 0) throw new Errno("EINVAL");
    const above = this.mounts.slice(index + 1).filter((mount) => isAtOrBelow(mount.target, target));
    if (above.length > 0 && !detach) throw new Errno("EBUSY");
    this.mounts = this.mounts.filter((mount, i) => i !== index && !above.includes(mount));
    this.peer?.remove(target, detach);
  }

  /** The node at an absolute path; follows links, the last one only with `follow`. */
  resolve(path: string, follow: boolean): FakeNode {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    let at = "";
    for (const [index, name] of names.entries()) {
      at += `/${name}`;
      const node = this.#nodeAt(at);
      if (node.target === undefined || (index === names.length - 1 && !follow)) continue;
      const rest = names.slice(index + 1).join("/");
      const target = node.target.startsWith("/") ? node.target : `${at.slice(0, at.lastIndexOf("/"))}/${node.target}`;
      return this.resolve(`${target}/${rest}`, follow);
    }
    return this.#nodeAt(at || "/");
  }

  /** The node at a path without links. */
  #nodeAt(path: string): FakeNode {
    // A mount covers all that was mounted below its target before it.
    const mount = this.mounts.findLast(({ target }) => isAtOrBelow(path, target));
    if (mount === undefined) throw new Errno("ENOENT");
    let node: FakeNode | undefined = mount.root;
    const rest = mount.target === "/" ? path : path.slice(mount.target.length);
    for (const name of rest.split("/").filter((name) => name !== "")) {
      node = node?.child(name);
      if (node === undefined) throw new Errno("ENOENT");
    }
    return node;
  }
}

/** A file of `/proc/PID/ns`, which keeps the namespace alive while it is open. */
export class NamespaceFile extends FakeNode {
  constructor(fileSystem: number, readonly namespace: MountNamespace) {
    super(fileSystem, S_IFREG | 0o444);
  }
}
