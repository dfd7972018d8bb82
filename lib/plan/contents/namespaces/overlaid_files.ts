import type { HostFile } from "../../../host/host.ts";
import type { Mount } from "../../../model/mounts.ts";
import type { MountPlaces, PlacedLayer } from "./mount_places.ts";

/** What an overlay shows at a path: a file, nothing, or what only mounting it tells. */
export type Overlaid = HostFile | "nothing" | "unknown";

/** A path of this host that decides what an overlay shows. */
export interface LayerPath {
  readonly hostPath: string;
  /** Whether it is what is asked for, and not a directory above that. */
  readonly isLast: boolean;
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;

/** How planning knows what this host has in a layer of an overlay: no path of a task is so. */
export function layerKey(hostPath: string): string {
  return `layer ${hostPath}`;
}

/** The paths of this host that have to be looked at to know what is at a path on an overlay. */
export function layerPaths(places: MountPlaces, path: string, namespace: number): LayerPath[] {
  const found = places.overlayAt(path, namespace);
  return found === undefined ? [] : pathsIn(places, found);
}

function pathsIn(places: MountPlaces, { overlay, inside }: OnOverlay): LayerPath[] {
  return shownLayers(places, overlay).flatMap(({ hostPath, mount, inside: directory }) => {
    if (hostPath !== undefined) {
      return waysTo(inside).map((way) => ({ hostPath: joined(hostPath, way), isLast: way === inside }));
    }
    const below = mount && places.overlayOf(mount);
    return below === undefined ? [] : pathsIn(places, { overlay: below, inside: joined(directory, inside) });
  });
}

/**
 * What is at a path on an overlay that is to be made; `undefined` where there is none. Images and stat(2) do not tell of
 * directories that hide what is below them, or have been renamed: what the tasks have had open is visible, and what is not
 * found below such a directory may be.
 *
 * @param files what this host has, as `layerPaths` asks for it
 */
export function overlaidFile(
  places: MountPlaces,
  files: ReadonlyMap<string, HostFile>,
  { path, namespace }: { readonly path: string; readonly namespace: number },
): Overlaid | undefined {
  const found = places.overlayAt(path, namespace);
  return found === undefined ? undefined : findFile({ places, files }, found);
}

/** A path in the file system of an overlay. */
interface OnOverlay {
  readonly overlay: Mount;
  readonly inside: string;
}

interface Finder {
  readonly places: MountPlaces;
  readonly files: ReadonlyMap<string, HostFile>;
}

function findFile(finder: Finder, { overlay, inside }: OnOverlay): Overlaid {
  const layers = shownLayers(finder.places, overlay);
  if (layers.length === 0) return "unknown";
  let mayBeElsewhere = false;
  for (const layer of layers) {
    for (const way of waysTo(inside)) {
      const found = findInLayer(finder, layer, way);
      if (found === "unknown") return "unknown";
      if (found === "nothing") break;
      if (isWhiteout(found)) return "nothing";
      if (way === inside) return found;
      if ((found.mode & S_IFMT) !== S_IFDIR) return "nothing";
      mayBeElsewhere ||= way !== "/";
    }
  }
  return mayBeElsewhere ? "unknown" : "nothing";
}

function findInLayer(finder: Finder, { mount, inside, hostPath }: PlacedLayer, way: string): Overlaid {
  const { places, files } = finder;
  if (hostPath !== undefined) return files.get(layerKey(joined(hostPath, way))) ?? "nothing";
  if (mount === undefined) return "unknown";
  const path = joined(inside, way);
  const below = places.overlayOf(mount);
  if (below !== undefined) return findFile(finder, { overlay: below, inside: path });
  return places.treeOf(mount) === undefined
    ? "unknown"
    : places.treeOf(mount)?.find((file) => `/${file.path}` === path) ?? "nothing";
}

/** The upper directory, and then the lower ones. */
function shownLayers(places: MountPlaces, overlay: Mount): PlacedLayer[] {
  const layers = places.layersOf(overlay);
  return [...layers.filter(({ kind }) => kind === "upper"), ...layers.filter(({ kind }) => kind === "lower")];
}

/** The root, the directories on the way, and the path. */
function waysTo(inside: string): string[] {
  const names = inside.split("/").filter((name) => name !== "");
  return ["/", ...names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`)];
}

function isWhiteout({ mode, device }: HostFile): boolean {
  return (mode & S_IFMT) === S_IFCHR && device === 0;
}

function joined(directory: string, path: string): string {
  return directory === "/" ? path : path === "/" ? directory : directory + path;
}
