import type { ListedMount } from "../../host/parse_mounts.ts";
import type { MountOption, NewOverlay } from "../../plan/contents/namespaces/mounts_plan.ts";
import { layersOf, overlayOptions } from "../../plan/contents/namespaces/overlay_layers.ts";

/** Whether overlays of this kernel have an option on without being told to. */
export type OverlayDefault = (option: string) => boolean;

/** linux/mount.h */
const MS_RDONLY = 1;
/** Options that the kernel leaves away, with a word in its log only, where a layer cannot have them. */
const OPTIONAL: readonly string[] = ["index", "metacopy", "nfs_export", "redirect_dir"];

/**
 * How an overlay differs from the plan: in the directories that it is made of, and in options. Those that are as they are
 * without being asked for, the kernel does not show (`ovl_show_options`, fs/overlayfs/params.c).
 */
export function compareOverlay(
  { options, flags }: Pick<NewOverlay, "options" | "flags">,
  { superOptions }: Pick<ListedMount, "superOptions">,
  isDefault: OverlayDefault,
): string[] {
  const found = overlayOptions(superOptions.map(splitOption));
  const [wanted, actual] = [options, found].map(describeLayers);
  const isReadOnly = (flags & MS_RDONLY) !== 0;
  return [
    ...isReadOnly === superOptions.includes("ro") ? [] : [`it is ${isReadOnly ? "not " : ""}read-only`],
    ...wanted === actual ? [] : [`it is made of ${actual}, and should be of ${wanted}`],
    ...options.flatMap(({ name, value }) => {
      const shown = found.find((option) => option.name === name);
      const isOff = OPTIONAL.includes(name) && value === "on" && !isDefault(name);
      const isRight = isLayer(name) || (shown === undefined ? value !== undefined && !isOff : shown.value === value);
      return isRight ? [] : [`it does not have the option ${value === undefined ? name : `${name}=${value}`}`];
    }),
  ];
}

function splitOption(option: string): MountOption {
  const [name = "", ...value] = option.split("=");
  return value.length === 0 ? { name } : { name, value: value.join("=") };
}

function describeLayers(options: readonly MountOption[]): string {
  return layersOf(options).map(({ kind, path }) => `${kind} ${JSON.stringify(path)}`).join(", ");
}

function isLayer(name: string): boolean {
  return layersOf([{ name, value: "/" }]).length > 0;
}
