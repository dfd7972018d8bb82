import type { HostFile } from "../../host/host.ts";
import { type Overlaid, overlaidFile } from "./namespaces/overlaid_files.ts";
import { type MountPlaces, seenName } from "./namespaces/mount_places.ts";

/** What tasks of one mount namespace find at their paths when their mounts are there. */
export class SeenFiles {
  /**
   * @param files by the names that planning has for them (`seenName`)
   * @param namespace number of the mount namespace
   * @param madeCgroups paths here of the cgroups that are made before
   */
  constructor(
    readonly files: ReadonlyMap<string, HostFile>,
    readonly places: MountPlaces | undefined,
    readonly namespace: number,
    readonly madeCgroups: ReadonlySet<string>,
  ) {}

  get(path: string): HostFile | undefined {
    const known = this.files.get(this.nameOf(path));
    if (known !== undefined) return known;
    const overlaid = this.#overlaid(path);
    return typeof overlaid === "object" ? overlaid : undefined;
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  /** How planning knows what is at a path. */
  nameOf(path: string): string {
    return seenName(path, this.namespace);
  }

  /** Whether something can only be looked for when the mounts and the cgroups are there. */
  isUnseen(path: string): boolean {
    if (this.places === undefined) {
      return this.madeCgroups.has(path) || this.madeCgroups.has(path.slice(0, path.lastIndexOf("/")));
    }
    const overlaid = this.#overlaid(path);
    return overlaid === undefined ? this.places.isUnseen(path, this.namespace) : overlaid === "unknown";
  }

  #overlaid(path: string): Overlaid | undefined {
    const { places, files, namespace } = this;
    return places === undefined ? undefined : overlaidFile(places, files, { path, namespace });
  }

  /** What a step has that is done there. */
  get step(): { readonly mountNamespace?: number } {
    return this.namespace === 0 ? {} : { mountNamespace: this.namespace };
  }
}
