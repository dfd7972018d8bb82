import type { HostFile } from "../../../host/host.ts";
import { isAtOrBelow } from "../../../model/cgroup_path.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import { MountTree, pathBelow } from "../../../model/mount_tree.ts";
import { DETECTED, type Mount, nameMount, nameMountNamespace } from "../../../model/mounts.ts";
import type { MountOptions } from "../../plan.ts";
import { layersOf, type OverlayLayer } from "./overlay_layers.ts";
import { parseMountOptions } from "./parse_mount_options.ts";

/** Where this host has what a mount shows: at a path; or nowhere, because it is made. */
export type MountPlace =
  | { readonly kind: "here"; readonly path: string }
  | { readonly kind: "made" };

/** A directory that an overlay is made of, and where that is. */
export interface PlacedLayer extends OverlayLayer {
  /** Absent where no image tells what its path leads to. */
  readonly mount?: Mount;
  /** Absolute, in the file system of that mount. */
  readonly inside: string;
  /** Where this host has it; absent where its mount is made. */
  readonly hostPath?: string;
}

/** Where every host has a file system of which there is only one. */
const WELL_KNOWN: ReadonlyMap<string, string> = new Map([["devtmpfs", "/dev"]]);
/** Where every host has such a file system of its own. */
const OWN_OF_KERNEL: ReadonlyMap<string, string> = new Map([["proc", "/proc"], ["sysfs", "/sys"]]);
export const OVERLAY = "overlay";
const MADE: MountPlace = { kind: "made" };

const S_IFDIR = 0o040000;

/** What the paths of tasks lead to that have mount namespaces of their own. */
export class MountPlaces extends MountTree {
  readonly #places = new Map<number, MountPlace | undefined>();
  readonly #bases = new Map<number, Mount | undefined>();

  constructor(mounts: readonly Mount[], readonly options: MountOptions) {
    super(mounts);
  }

  /** Where what a mount shows is; `undefined` where nothing here can be that. */
  placeOf(mount: Mount): MountPlace | undefined {
    if (!this.#places.has(mount.id)) this.#places.set(mount.id, this.#findPlace(mount));
    return this.#places.get(mount.id);
  }

  /** The mount that another one shows a part of, which is made of it; absent for those that are made by themselves. */
  baseOf(mount: Mount): Mount | undefined {
    if (!this.#bases.has(mount.id)) this.#bases.set(mount.id, this.#findBase(mount));
    return this.#bases.get(mount.id);
  }

  #findBase(mount: Mount): Mount | undefined {
    if (isFirstRoot(mount) || mount.external !== undefined) return undefined;
    const others = this.mounts.filter((other) => (
      other.device === mount.device && other.id !== mount.id && isAtOrBelow(mount.root, other.root) &&
      canShow(other, mount)
    ));
    // Of those that show the same, the first is the one of which the others are made.
    const isBase = (other: Mount) => other.root !== mount.root || this.#isBefore(other, mount);
    const twin = others.find((other) => isRemoved(other) && this.#isBefore(other, mount));
    return twin ?? others.find(isFirstRoot) ??
      others.find((other) => other.external !== undefined) ??
      others.filter(isBase).sort((a, b) => a.root.length - b.root.length)[0];
  }

  /** The mount that is in the way to a file when it is opened by its path; `undefined` where none is. */
  coveringMount({ path, mount }: Pick<PathFile, "path" | "mount">): Mount | undefined {
    if (mount === undefined || !this.has(mount)) return undefined;
    const found = this.mountAt(path, this.namespaceOf(mount));
    return found?.id === mount ? undefined : found;
  }

  /** Whether only making its mount tells what is at a path. */
  isUnseen(path: string, namespace = 0): boolean {
    const mount = this.mountAt(path, namespace);
    return mount !== undefined && this.#isMade(mount) && this.treeOf(mount) === undefined;
  }

  /** Where this host has what is at a path; `undefined` where its mount is made. */
  hostPath(path: string, namespace = 0): string | undefined {
    const mount = this.mountAt(path, namespace);
    return mount && this.#hostPathOn(mount, path);
  }

  #hostPathOn(mount: Mount, path: string): string | undefined {
    const place = this.placeOf(mount);
    return place?.kind === "here" ? joined(place.path, pathBelow(mount.mountPoint, path)) : undefined;
  }

  /**
   * The directories that an overlay is made of, when it is made by itself. Its options name them as they were found when
   * it was mounted: in its own mount namespace, or in that of the root task when it is the root of another one.
   */
  layersOf(mount: Mount): PlacedLayer[] {
    const { type, parent, namespace, options } = mount;
    if (type !== OVERLAY || !this.#isMade(mount) || this.baseOf(mount) !== undefined) return [];
    return layersOf(parseMountOptions(options)).map((layer) => {
      const { path } = layer;
      const found = path.startsWith("/") ? this.mountAt(path, parent === undefined ? 0 : namespace, mount) : undefined;
      if (found === undefined) return { ...layer, inside: "" };
      const hostPath = this.#hostPathOn(found, path);
      return {
        ...layer,
        mount: found,
        inside: insideOf(found, path),
        ...hostPath === undefined ? {} : { hostPath },
      };
    });
  }

  /** The overlay at which a path ends, when it is made, and where that is in its file system. */
  overlayAt(path: string, namespace = 0): { readonly overlay: Mount; readonly inside: string } | undefined {
    const mount = this.mountAt(path, namespace);
    const overlay = mount && this.overlayOf(mount);
    if (mount === undefined || overlay === undefined) return undefined;
    return { overlay, inside: insideOf(mount, path) };
  }

  /** The same for paths that lead to the same name in the same file system, whatever mounts show that. */
  placeKey(path: string, namespace: number): string {
    const mount = this.mountAt(path, namespace);
    return mount === undefined ? "" : `${mount.device} ${insideOf(mount, path)}`;
  }

  /** The overlay that a mount shows all or a part of, when it is made. */
  overlayOf(mount: Mount): Mount | undefined {
    return mount.type === OVERLAY && this.#isMade(mount) ? this.baseOf(mount) ?? mount : undefined;
  }

  /** Where this host has the directory that a mount is on; `undefined` where that is made. */
  pointOf(mount: Mount): string | undefined {
    const parent = this.parentOf(mount);
    const place = parent && this.placeOf(parent);
    if (parent === undefined || place?.kind !== "here") return undefined;
    return joined(place.path, pathBelow(parent.mountPoint, mount.mountPoint));
  }

  /** The same, or where this host has its like: the kernel gives its own file systems the same names everywhere. */
  pointLike(mount: Mount): string | undefined {
    const parent = this.parentOf(mount);
    const own = parent && OWN_OF_KERNEL.get(parent.type);
    if (parent === undefined || own === undefined || !this.#isMade(parent)) return this.pointOf(mount);
    return joined(own, pathBelow("/", parent.root) + pathBelow(parent.mountPoint, mount.mountPoint));
  }

  /** What is there as soon as mounts are made, as planning knows it; on overlays, that is for `overlaidFile` to find. */
  madeFiles(): Map<string, HostFile> {
    const files = new Map<string, HostFile>();
    for (const mount of this.mounts.filter((mount) => this.#isMade(mount))) {
      const { namespace, mountPoint } = mount;
      if (mount.type === OVERLAY) continue;
      files.set(seenName(mountPoint, namespace), { mode: S_IFDIR, size: 0, device: 0 });
      for (const { path, mode, size, device } of this.treeOf(mount) ?? []) {
        const inside = `/${path}`;
        if (!isAtOrBelow(inside, mount.root)) continue;
        const at = joined(mountPoint, pathBelow(mount.root, inside));
        if (this.mountAt(at, namespace) === mount) files.set(seenName(at, namespace), { mode, size, device });
      }
    }
    return files;
  }

  /** The mount by which a file was opened, or another one that shows it, if what that shows was removed. */
  removedMount({ path, mount, remap }: Pick<PathFile, "path" | "mount" | "remap">): Mount | undefined {
    const opened = this.mounts.find(({ id }) => id === mount);
    if (opened === undefined || isRemoved(opened)) return opened;
    if (remap?.kind !== "ghost") return undefined;
    const inside = insideOf(opened, path);
    return this.mounts.find((other) => isRemoved(other) && other.device === opened.device && other.root === inside);
  }

  /** Of the mounts of a device that can be reached, those that show more before the others. */
  mountsOf(device: number): Mount[] {
    const isReached = (mount: Mount) => (
      this.mountAt(mount.mountPoint, mount.namespace) === mount && !isRemoved(mount)
    );
    return this.mounts.filter((mount) => mount.device === device && isReached(mount))
      .sort((a, b) => a.root.length - b.root.length);
  }

  /** The number of the pseudoterminal that a mount shows, and nothing else; its file is there when its master is open. */
  ptyOf(mount: Mount): number | undefined {
    const { type, root } = mount;
    const isFile = type === "devpts" && /^\/\d+$/.test(root);
    return isFile && this.#isMade(mount) ? Number(root.slice(1)) : undefined;
  }

  #isBefore(one: Mount, other: Mount): boolean {
    return this.mounts.indexOf(one) < this.mounts.indexOf(other);
  }

  #findPlace(mount: Mount): MountPlace | undefined {
    const { options } = this;
    if (isFirstRoot(mount)) return { kind: "here", path: options.root ?? "/" };
    if (mount.external !== undefined) {
      const path = mount.external === DETECTED
        ? options.takesDetected ? mount.source : undefined
        : options.external.find(({ key }) => key === mount.external)?.path;
      return path === undefined ? undefined : { kind: "here", path };
    }
    const base = this.baseOf(mount);
    const place = base === undefined ? this.#placeOfNew(mount) : this.placeOf(base);
    if (base === undefined || place?.kind !== "here") return place;
    return { kind: "here", path: joined(place.path, pathBelow(base.root, mount.root)) };
  }

  #placeOfNew({ type, root }: Mount): MountPlace | undefined {
    const known = WELL_KNOWN.get(type);
    if (known !== undefined) return { kind: "here", path: joined(known, pathBelow("/", root)) };
    return type === "" ? undefined : MADE;
  }

  #isMade(mount: Mount): boolean {
    return this.placeOf(mount)?.kind === "made";
  }

  /** What is in a mount when it is made; `undefined` where only the kernel knows. */
  treeOf(mount: Mount): Mount["tree"] {
    return mount.type === "tmpfs" ? mount.tree ?? [] : undefined;
  }
}

/** Whether it is the root of the root task's namespace: that is always here. */
function isFirstRoot({ parent, namespace }: Mount): boolean {
  return parent === undefined && namespace === 0;
}

/** Whether what a mount shows was removed, and nobody else provides it. */
export function isRemoved({ isDeleted, external }: Mount): boolean {
  return isDeleted && external === undefined;
}

/** Whether a mount shows what another one shows, which is at or below it: what was removed is not what has its name. */
function canShow(one: Mount, other: Mount): boolean {
  if (isRemoved(one)) return isRemoved(other) && one.root === other.root;
  return !isRemoved(other) || one.root !== other.root;
}

/** How planning knows what tasks find at a path; in the root task's namespace that is the path itself. */
export function seenName(path: string, namespace: number): string {
  return namespace === 0 ? path : `${nameMountNamespace(namespace)}: ${path}`;
}

/** How problems name a mount. */
export function whereOf(mount: Mount): string {
  return nameMount(mount) + (mount.type === "" ? "" : ` of type ${mount.type}`);
}

/** Where a path ends in the file system of the mount that it ends at. */
function insideOf({ root, mountPoint }: Pick<Mount, "root" | "mountPoint">, path: string): string {
  return joined(root, pathBelow(mountPoint, path));
}

function joined(directory: string, rest: string): string {
  return directory === "/" ? rest || "/" : directory + rest;
}
