import type { Host } from "../../../host/host.ts";
import { isAtOrBelow } from "../../../model/cgroup_path.ts";
import type { Mount } from "../../../model/mounts.ts";
import type { MountPlaces, PlacedLayer } from "./mount_places.ts";
import { layerKey } from "./overlaid_files.ts";
import type { MountOption } from "./mounts_plan.ts";
import { isVolatile, optionProblem } from "./overlay_layers.ts";
import { parseMountOptions } from "./parse_mount_options.ts";

/** What planning an overlay has to know. */
export interface OverlayQuestions {
  readonly places: MountPlaces;
  readonly host: Pick<Host, "files">;
}

/**
 * What the kernel makes in the work directory of an overlay with the option `volatile`, and does not mount such a one with
 * again (Documentation/filesystems/overlayfs.rst).
 */
const VOLATILE_MARK = "/work/incompat/volatile";

const LOST_ATTRIBUTES =
  "its upper directory is in a tmpfs of the tasks, and images do not have the extended attributes " +
  "by which it knows";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** Paths of this host that planning an overlay has to know of, by keys under which no path of a task is. */
export function hostPathsOfOverlay(mount: Mount, places: MountPlaces): [key: string, path: string][] {
  return places.layersOf(mount).flatMap((layer) => {
    const { kind, hostPath } = layer;
    if (hostPath === undefined) return [];
    const paths = kind === "work" && isVolatile(parseMountOptions(mount.options))
      ? [hostPath, hostPath + VOLATILE_MARK]
      : [hostPath];
    return paths.map((path): [string, string] => [layerKey(path), path]);
  });
}

/** Why an overlay cannot be made again. */
export function overlayProblem(mount: Mount, questions: OverlayQuestions): string | undefined {
  const { places } = questions;
  const options = parseMountOptions(mount.options);
  const layers = places.layersOf(mount);
  if (layers.every(({ kind }) => kind !== "lower")) return "its options do not name a lower directory";
  for (const layer of layers) {
    const what = layerProblem(layer, questions) ?? markProblem(options, layer, questions);
    if (what !== undefined) return what;
  }
  return optionProblem(options);
}

function layerProblem(layer: PlacedLayer, { places, host: { files } }: OverlayQuestions): string | undefined {
  const { kind, path, mount, inside, hostPath } = layer;
  const what = `its ${kind} directory ${JSON.stringify(hostPath ?? path)}`;
  if (mount === undefined) return `${what} is a relative path, and images do not tell where that began`;
  if (hostPath !== undefined) {
    const found = files.get(layerKey(hostPath));
    if (found === undefined) return `${what} is not here`;
    return (found.mode & S_IFMT) === S_IFDIR ? undefined : `${what} is no directory here`;
  }
  const tree = places.treeOf(mount);
  if (tree === undefined || inside === "/") return undefined;
  // What links lead to, the kernel finds out.
  const way = tree.filter((file) => isAtOrBelow(inside, `/${file.path}`));
  const isFound = way.some((file) => `/${file.path}` === inside || (file.mode & S_IFMT) === S_IFLNK);
  return isFound ? undefined : `${what} is not in its tmpfs`;
}

function markProblem(
  options: readonly MountOption[],
  { kind, hostPath }: PlacedLayer,
  { host: { files } }: OverlayQuestions,
): string | undefined {
  if (kind !== "work" || hostPath === undefined || !isVolatile(options)) return undefined;
  const mark = hostPath + VOLATILE_MARK;
  return files.has(layerKey(mark))
    ? `${JSON.stringify(mark)} is there, of its option volatile: remove it if nothing in the upper directory was lost`
    : undefined;
}

/** What of an overlay may not be as it was. */
export function overlayLoss(mount: Mount, places: MountPlaces): string | undefined {
  const upper = places.layersOf(mount).find(({ kind }) => kind === "upper");
  const tree = upper?.mount === undefined ? undefined : places.treeOf(upper.mount);
  if (upper === undefined || tree === undefined) return undefined;
  const kinds = new Set(
    tree.filter(({ path }) => `/${path}` !== upper.inside && isAtOrBelow(`/${path}`, upper.inside))
      .map(({ mode }) => mode & S_IFMT),
  );
  if (kinds.has(S_IFDIR)) return `${LOST_ATTRIBUTES} what directories hide`;
  const isMetacopy = parseMountOptions(mount.options).some(({ name, value }) => name === "metacopy" && value === "on");
  return isMetacopy && kinds.has(S_IFREG) ? `${LOST_ATTRIBUTES} where the contents of files are` : undefined;
}

/**
 * The files of a tmpfs without what overlays have in their work directories: the kernel removes that when it mounts them,
 * and does not mount them where it tells that they were in use with the option `volatile`, though they are whole.
 */
export function withoutWork(mount: Mount, places: MountPlaces): NonNullable<Mount["tree"]> {
  const { tree = [] } = mount;
  const work = places.mounts.flatMap((overlay) => places.layersOf(overlay)).flatMap((layer) => (
    layer.kind === "work" && layer.mount?.device === mount.device ? [`${layer.inside}/work`] : []
  ));
  return tree.filter(({ path }) => !work.some((directory) => isAtOrBelow(`/${path}`, directory)));
}
