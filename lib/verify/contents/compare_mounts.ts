import type { ListedMount } from "../../host/parse_mounts.ts";
import { nameMount } from "../../model/mounts.ts";
import type { MountSource, MountsPlan, MountStep } from "../../plan/contents/namespaces/mounts_plan.ts";
import { compareOverlay, type OverlayDefault } from "./compare_overlay.ts";

/** Options of mounts, and the flags of mount(2) that stand for them, in the kernel's order (fs/proc_namespace.c). */
const OPTIONS: readonly (readonly [flag: number, option: string])[] = [
  [0x2, "nosuid"],
  [0x4, "nodev"],
  [0x8, "noexec"],
  [0x400, "noatime"],
  [0x800, "nodiratime"],
  [1 << 21, "relatime"],
  [0x100, "nosymfollow"],
];
const MS_RDONLY = 1;
/** What the kernel puts behind a path in a file system that was removed (fs/d_path.c). */
const REMOVED = "//deleted";

/**
 * How mounts differ from the plan.
 *
 * @param found those of each namespace, by its number
 * @param isDefault whether overlays of this kernel have an option on without being told to
 */
export function compareMounts(
  { steps, sharing }: MountsPlan,
  found: readonly (readonly ListedMount[])[],
  isDefault: OverlayDefault,
): string[] {
  const matches = matchMounts(steps, found);
  const known = new Set(matches);
  return [
    ...steps.flatMap((step, index) => compareMount(step, { found: matches[index], all: matches, isDefault })),
    ...compareGroups(steps, matches),
    ...found.flatMap((mounts, namespace) => (
      mounts.filter((mount) => !known.has(mount)).map(({ mountPoint }) => (
        `there is a ${nameMount({ mountPoint, namespace })} that should not be`
      ))
    )),
    ...sharing.flatMap((step) => {
      const mount = steps[step.mount];
      if (step.kind !== "set-unbindable" || mount === undefined) return [];
      if (matches[step.mount]?.isUnbindable !== false) return [];
      return [`the ${nameMount(mount)} can be bound, and should not`];
    }),
  ];
}

/** What each step has made: it is on what another step has made, at its place. */
function matchMounts(
  steps: readonly MountStep[],
  found: readonly (readonly ListedMount[])[],
): (ListedMount | undefined)[] {
  const ids = new Set(found.flat().map(({ id }) => id));
  const matches: (ListedMount | undefined)[] = [];
  for (const { on, mountPoint, namespace } of steps) {
    matches.push(
      found[namespace]?.find((mount) => (
        on === undefined ? !ids.has(mount.parent) : mount.parent === matches[on]?.id && mount.mountPoint === mountPoint
      )),
    );
  }
  return matches;
}

function compareMount(
  step: MountStep,
  { found, all, isDefault }: {
    readonly found: ListedMount | undefined;
    readonly all: readonly (ListedMount | undefined)[];
    readonly isDefault: OverlayDefault;
  },
): string[] {
  const { source } = step;
  const what = `the ${nameMount(step)}`;
  if (found === undefined) return [`${what} is missing`];
  const base = source.kind === "part" ? all[source.of] : undefined;
  const part = source.kind === "part" && source.path !== "" ? `/${source.path}` : "";
  const suffix = source.kind === "part" && source.removed !== undefined ? REMOVED : "";
  const root = base === undefined ? undefined : `${base.root === "/" && part !== "" ? "" : base.root}${part}${suffix}`;
  return [
    ...difference(`the type of ${what}`, typeOf(source) ?? base?.type, found.type),
    ...difference(`what is shown by ${what}`, typeOf(source) === undefined ? root : "/", found.root),
    ...difference(`the options of ${what}`, optionsOf(step.flags), found.options.join(",")),
    ...isWritable(step) === found.superOptions.includes("ro") && source.kind === "new"
      ? [`the file system of ${what} is ${isWritable(step) ? "" : "not "}read-only`]
      : [],
    ...source.kind === "overlay"
      ? compareOverlay(source, found, isDefault).map((difference) => `the file system of ${what}: ${difference}`)
      : [],
    ...difference(`the sharing of ${what}`, describeSharing(step), describeSharing({ ...step, ...sharingOf(found) })),
  ];
}

/** Of a file system that is made. */
function typeOf(source: MountSource): string | undefined {
  if (source.kind === "new") return source.type;
  return source.kind === "overlay" ? source.kind : undefined;
}

function isWritable({ source }: MountStep): boolean {
  return source.kind !== "new" || ![...source.options, ...source.lateOptions].some(({ name }) => name === "ro");
}

function optionsOf(flags: number): string {
  const names = OPTIONS.filter(([flag]) => (flags & flag) !== 0).map(([, option]) => option);
  return [(flags & MS_RDONLY) === 0 ? "rw" : "ro", ...names].join(",");
}

function sharingOf({ peers, master }: ListedMount): { peers?: number | undefined; master?: number | undefined } {
  return { peers, master };
}

/** Whether it has peers, and a master; of this host's, that is not known. */
function describeSharing(
  { peers, master, followsHost }: {
    readonly peers?: number | undefined;
    readonly master?: number | undefined;
    readonly followsHost: boolean;
  },
): string {
  const words = [...peers === undefined ? [] : ["shared"], ...master === undefined || followsHost ? [] : ["slave"]];
  return words.join(", ") || "private";
}

/** Mounts are of the same group exactly when they were at the dump. */
function compareGroups(steps: readonly MountStep[], matches: readonly (ListedMount | undefined)[]): string[] {
  const numbers = new Map<number, number>();
  return steps.flatMap((step, index) => {
    const found = matches[index];
    const pairs = [[step.peers, found?.peers], ...step.followsHost ? [] : [[step.master, found?.master]]];
    return pairs.flatMap(([wanted, actual]) => {
      if (wanted === undefined || actual === undefined) return [];
      const known = numbers.get(wanted);
      numbers.set(wanted, known ?? actual);
      const isRight = known === actual || known === undefined;
      return isRight ? [] : [`the ${nameMount(step)} shares with others than it should`];
    });
  });
}

function difference(what: string, expected: string | undefined, actual: string): string[] {
  if (expected === undefined || expected === actual) return [];
  return [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}
