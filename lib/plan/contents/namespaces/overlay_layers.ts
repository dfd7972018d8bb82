import { encodeText } from "../../../text.ts";
import type { MountOption } from "./mounts_plan.ts";

/** A directory that an overlay is made of. */
export interface OverlayLayer {
  readonly kind: "lower" | "upper" | "work";
  /** As whoever has mounted it has found it; may be relative. */
  readonly path: string;
}

/** Most bytes of options, without their NUL, that mount(2) takes: a page (`copy_mount_options`, fs/namespace.c). */
const LONGEST = 4095;

/**
 * The directories that the options of an overlay name (`ovl_parse_param`, fs/overlayfs/params.c): `lowerdir` is a list in
 * which a backslash stands before what is no separator; each `lowerdir+` and `datadir+` is one directory, as it is.
 */
export function layersOf(options: readonly MountOption[]): OverlayLayer[] {
  return options.flatMap(({ name, value = "" }): OverlayLayer[] => {
    switch (name) {
      case "lowerdir":
        return splitLayers(value).map((path) => ({ kind: "lower", path: unescape(path) }));
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

/**
 * The same options as mount(2) takes them, with any kernel: one list of lower directories, and nothing but separators
 * without a backslash.
 */
export function overlayOptions(options: readonly MountOption[]): MountOption[] {
  const single = options.filter(({ name }) => SINGLE_LAYERS.has(name));
  const list = single.map(({ name, value = "" }) => (
    `${SINGLE_LAYERS.get(name)}${value.replace(/[\\:,]/g, "\\$&")}`
  ));
  return [
    ...list.length === 0 ? [] : [{ name: "lowerdir", value: list.join("").replace(/^:*/, "") }],
    ...options.filter((option) => !single.includes(option)).map((option) => (
      isVolatile([option]) ? { name: "volatile" } : withoutCommas(option)
    )),
  ];
}

/** Options of one directory each, and what stands before such a one in a list. */
const SINGLE_LAYERS: ReadonlyMap<string, string> = new Map([["lowerdir+", ":"], ["datadir+", "::"]]);

/** A comma that has come by fsconfig(2) has no backslash. */
function withoutCommas({ name, value }: MountOption): MountOption {
  if (value === undefined) return { name };
  return { name, value: value.replace(/\\.|,/gs, (found) => found === "," ? "\\," : found) };
}

/** All options as mount(2) takes them. */
export function overlayData(options: readonly MountOption[]): string {
  return options.map(({ name, value }) => value === undefined ? name : `${name}=${value}`).join(",");
}

/** Why the kernel does not take options. */
export function optionProblem(options: readonly MountOption[]): string | undefined {
  const { length } = encodeText(overlayData(overlayOptions(options)));
  return length > LONGEST ? `its options have ${length} bytes, and mount(2) takes no more than ${LONGEST}` : undefined;
}

/** Directories behind two colons have only contents of files. */
function splitLayers(list: string): string[] {
  return [...list.matchAll(/(?:\\.|[^\\:])+/gs)].map(([path]) => path);
}

function unescape(path: string): string {
  return path.replace(/\\(.)/gs, "$1");
}
