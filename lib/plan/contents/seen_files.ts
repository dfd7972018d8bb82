import type { HostFile } from "../../host/host.ts";
import { type MountPlaces, seenName } from "./namespaces/mount_places.ts";

/** What tasks of one mount namespace find at their paths when their mounts are there. */
export class SeenFiles {
  /**
   * @param files by the names that planning has for them (`seenName`)
   * @param namespace number of the mount namespace
   */
  constructor(
    readonly files: ReadonlyMap<string, HostFile>,
    readonly places: MountPlaces | undefined,
    readonly namespace: number,
  ) {}

  get(path: string): HostFile | undefined {
    return this.files.get(this.nameOf(path));
  }

  has(path: string): boolean {
    return this.files.has(this.nameOf(path));
  }

  /** How planning knows what is at a path. */
  nameOf(path: string): string {
    return seenName(path, this.namespace);
  }

  /** Whether something can only be looked for when the mounts are there. */
  isUnseen(path: string): boolean {
    return this.places?.isUnseen(path, this.namespace) === true;
  }

  /** What a step has that is done there. */
  get step(): { readonly mountNamespace?: number } {
    return this.namespace === 0 ? {} : { mountNamespace: this.namespace };
  }
}
