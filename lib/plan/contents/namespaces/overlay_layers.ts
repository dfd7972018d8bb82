import { encodeText } from "../../../text.ts";
import { isAtLeast } from "../kernel_version.ts";
import type { MountOption } from "./mounts_plan.ts";

/** A directory that an overlay is made of. */
export interface OverlayLayer {
  readonly kind: "lower" | "upper" | "work";
  /** As whoever has mounted it has found it; may be relative. */
  readonly path: string;
}

/** First kernel whose overlays take options one by one with commas in them (`legacy_parse_param`, fs/fs_context.c). */
const COMMAS = [6, 5] as const;
/** First kernel with `lowerdir+` and `datadir+`. */
const SINGLE_LAYERS = [6, 7] as const;
/** Longest value, without its NUL, that fsconfig(2) takes. */
const LONGEST = 255;

/**
 * The directories that the options of an overlay name (`ovl_parse_param`, fs/overlayfs/params.c): `lowerdir` is a list in
 * which a backslash stands before what is no separator; each `lowerdir+` and `datadir+` is one directory, as it is.
 */
export function layersOf(options: readonly MountOption[]): OverlayLayer[] {
  return options.flatMap(({ name, value = "" }): OverlayLayer[] => {
    switch (name) {
      case "lowerdir":
        return splitLayers(value).map(({ path }) => ({ kind: "lower", path: unescape(path) }));
      case "lowerdir+":
      case "datadir+":
        return [{ kind: "lower", path: value }];
      case "upperdir":
        return [{ kind: "upper", path: unescape(value) }];
      case "workdir":
        return [{ kind: "work", path: unescape(value) }];
      default:
        return [];
    }
  });
}

/**
 * Whether an overlay leaves its files unwritten for good: newer kernels show the option `volatile` as one of several values.
 */
export function isVolatile(options: readonly MountOption[]): boolean {
  return options.some(({ name, value }) => name === "volatile" || name === "fsync" && value === "volatile");
}

/** The same options as any kernel's fsconfig(2) takes them. */
export function overlayOptions(options: readonly MountOption[]): MountOption[] {
  return splitLongLists(options).map((option) => isVolatile([option]) ? { name: "volatile" } : option);
}

/** Of a list that is too long, each directory is an option. */
function splitLongLists(options: readonly MountOption[]): MountOption[] {
  return options.flatMap((option) => {
    const { name, value = "" } = option;
    if (name !== "lowerdir" || isShort(value)) return [option];
    return splitLayers(value).map(({ path, isData }) => ({
      name: isData ? "datadir+" : "lowerdir+",
      value: unescape(path),
    }));
  });
}

/** Why a kernel does not take these options, as fsconfig(2) does. */
export function optionProblem(options: readonly MountOption[], kernel: readonly [number, number]): string | undefined {
  const split = splitLongLists(options);
  if (split.length > options.length && !isAtLeast(kernel, SINGLE_LAYERS)) {
    return "Linux 6.7 or newer is needed for a list of lower directories with more than 255 bytes";
  }
  const long = split.find(({ value = "" }) => !isShort(value));
  if (long !== undefined) return `its option ${long.name} has more than 255 bytes, which the kernel does not take`;
  const hasComma = split.some(({ value = "" }) => value.includes(","));
  return hasComma && !isAtLeast(kernel, COMMAS) ? "Linux 6.5 or newer is needed for a comma in its options" : undefined;
}

function isShort(value: string): boolean {
  return encodeText(value).length <= LONGEST;
}

/** Directories behind two colons have only contents of files. */
function splitLayers(list: string): { readonly path: string; readonly isData: boolean }[] {
  const found = [...list.matchAll(/(:*)((?:\\.|[^\\:])+)/gs)];
  return found.map(([, colons = "", path = ""]) => ({ path, isData: colons.length > 1 }));
}

function unescape(path: string): string {
  return path.replace(/\\(.)/gs, "$1");
}
