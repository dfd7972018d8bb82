import { isAtOrBelow } from "../../../model/cgroup_path.ts";
import type { Mount } from "../../../model/mounts.ts";
import { isAtLeast } from "../kernel_version.ts";
import { whereOf } from "./mount_places.ts";
import type { SharingStep } from "./mounts_plan.ts";
import type { MountQuestions } from "./plan_mounts.ts";

/** First kernel with MOVE_MOUNT_SET_GROUP. */
const JOINABLE = [5, 15] as const;

/**
 * Plans which mounts share with each other, and from whom they receive, as CRIU does it: once all are there, so that
 * nothing is shared while they are made. Peer groups come behind those that they receive from.
 */
export function planMountSharing(mounts: readonly Mount[], questions: MountQuestions): SharingStep[] {
  const groups = Map.groupBy(mounts.filter(({ peers }) => peers !== undefined), ({ peers = 0 }) => peers);
  const steps = new SharingSteps(mounts, { groups, questions });
  for (const peers of groups.keys()) steps.addGroup(peers);
  for (const mount of mounts) {
    if (mount.peers === undefined && mount.master !== undefined) steps.follow(mount, mount.master);
    if (mount.isUnbindable) steps.list.push({ kind: "set-unbindable", mount: mounts.indexOf(mount) });
  }
  return steps.list;
}

interface SharingContext {
  readonly groups: ReadonlyMap<number, readonly Mount[]>;
  readonly questions: MountQuestions;
}

class SharingSteps {
  readonly list: SharingStep[] = [];
  readonly #mounts: readonly Mount[];
  readonly #context: SharingContext;
  readonly #done = new Set<number>();

  constructor(mounts: readonly Mount[], context: SharingContext) {
    this.#mounts = mounts;
    this.#context = context;
  }

  /** A peer group, of which the mount that shows most is the first. */
  addGroup(peers: number): void {
    if (this.#done.has(peers)) return;
    this.#done.add(peers);
    const first = this.#firstOf(peers);
    if (first === undefined) return;
    if (first.master !== undefined) this.follow(first, first.master);
    this.list.push({ kind: "share", mount: this.#mounts.indexOf(first) });
    for (const mount of this.#context.groups.get(peers) ?? []) if (mount !== first) this.#join(mount, first);
  }

  /** Has a mount receive from a peer group; from one outside it does so since it was made. */
  follow(mount: Mount, master: number): void {
    const peer = this.#firstOf(master);
    if (peer === undefined) return this.#checkOutside(mount);
    if (mount.peers === master) return this.#refuse(mount, "it receives mounts from itself");
    this.addGroup(master);
    this.#join(mount, peer);
    this.list.push({ kind: "follow", mount: this.#mounts.indexOf(mount) });
  }

  #firstOf(peers: number): Mount | undefined {
    return [...this.#context.groups.get(peers) ?? []].sort((a, b) => a.root.length - b.root.length)[0];
  }

  #join(mount: Mount, peer: Mount): void {
    if (mount.device !== peer.device || !isAtOrBelow(mount.root, peer.root)) {
      return this.#refuse(mount, `it shares with ${JSON.stringify(peer.mountPoint)}, which shows something else`);
    }
    if (!isAtLeast(this.#context.questions.host.kernel, JOINABLE)) {
      return this.#refuse(mount, "Linux 5.15 or newer is needed for mounts that share with each other");
    }
    this.list.push({ kind: "join", mount: this.#mounts.indexOf(mount), peer: this.#mounts.indexOf(peer) });
  }

  /** Whom a copy receives from is whom its original receives from. */
  #checkOutside(mount: Mount): void {
    const { places } = this.#context.questions;
    const base = places.baseOf(mount);
    if (places.placeOf(mount)?.kind === "here" && (base === undefined || base.master === mount.master)) return;
    this.#refuse(mount, "it receives mounts from one outside of the checkpoint (it is a slave)");
  }

  #refuse(mount: Mount, what: string): void {
    this.#context.questions.problems.push({ where: whereOf(mount), what });
  }
}
