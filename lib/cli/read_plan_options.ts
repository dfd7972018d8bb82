import { cgroupPathProblem } from "../model/cgroup_path.ts";
import { isDeviceName } from "../model/net_device.ts";
import {
  type CgroupRoot,
  FILE_VALIDATIONS,
  type InheritedFile,
  JOINABLE_NAMESPACES,
  type JoinedNamespace,
  MANAGE_MODES,
  type MountOptions,
  type OuterEnd,
  type OuterParent,
  type PlanOptions,
} from "../plan/plan.ts";
import { optional, type OptionReader } from "./option_reader.ts";

const ON_MISSING = ["fail", "skip"] as const;
const EMPTY_NAMESPACES = ["net"] as const;
/** What CRIU may be told to compare of the processor, as far as that is compared here anyway. */
const COMPARED = ["fpu", "none"] as const;
/** How values of `--external` begin that are about devices, and not about mounts. */
const VETH = "veth[";
const MACVLAN = "macvlan[";
/** What LXC passes as `--ext-mount-map` for a container without a console. */
const NO_CONSOLE = "console:";

/** The choices as far as planning goes. */
export function readPlanOptions(reader: OptionReader): PlanOptions {
  reader.choice("cpu-cap", COMPARED);
  return {
    mode: reader.choice("manage-cgroups", MANAGE_MODES) ?? "soft",
    roots: readRoots(reader),
    onMissing: reader.choice("on-missing", ON_MISSING) ?? "fail",
    pidNamespace: reader.flag("pid-namespace") ?? false,
    shellJob: reader.flag("shell-job") ?? false,
    restoreSibling: reader.flag("restore-sibling") ?? false,
    placeholders: reader.flag("placeholders") ?? false,
    fileValidation: reader.choice("file-validation", FILE_VALIDATIONS) ?? "buildid",
    skipFileRwxCheck: reader.flag("skip-file-rwx-check") ?? false,
    inheritedFiles: readInheritedFiles(reader),
    mounts: readMounts(reader),
    outerEnds: readOuterEnds(reader),
    parents: readParents(reader),
    joins: readJoins(reader),
    meaninglessExternals: reader.values("external").filter((text) => !isKey(text)),
    leavesNetEmpty: reader.choice("empty-ns", EMPTY_NAMESPACES) !== undefined,
    mayLackSettings: reader.flag("weak-sysctls") ?? false,
    externalUnixSockets: reader.has("ext-unix-sk"),
    ...readProfile(reader),
    connections: readConnections(reader),
  };
}

/** `fd[N]:KEY` */
function readInheritedFiles(reader: OptionReader): InheritedFile[] {
  const files: InheritedFile[] = [];
  for (const text of reader.values("inherit-fd")) {
    const [, number, key] = /^fd\[(\d{1,9})\]:(.+)$/s.exec(text) ?? [];
    if (number === undefined || key === undefined) {
      reader.refuse("inherit-fd", text, 'a descriptor and what it is for are needed, as in "fd[5]:pipe:[77]"');
    } else if (files.some((file) => file.key === key)) {
      reader.refuse("inherit-fd", text, "there is another descriptor for the same");
    } else files.push({ fd: Number(number), key });
  }
  return files;
}

/** `--root`, `--external mnt[KEY]:PATH` and its older form, `--ext-mount-map KEY:PATH`. */
function readMounts(reader: OptionReader): MountOptions {
  const root = reader.value("root");
  const given = [
    ...reader.values("external").filter((text) => isKey(text) && !isOfDevice(text)).map((text) => (
      [text, "external", /^mnt\[([^\]]*)\](?::(.*))?$/s.exec(text)] as const
    )),
    ...reader.values("ext-mount-map").filter((text) => text !== NO_CONSOLE).map((text) => (
      [text, "ext-mount-map", text === "auto" ? ["", "", undefined] : /^([^:]+):(.*)$/s.exec(text)] as const
    )),
  ];
  const external: { key: string; path: string }[] = [];
  let takesDetected = false;
  for (const [text, option, match] of given) {
    const [, key, path] = match ?? [];
    if (key === "" && !path?.startsWith("/")) takesDetected = true;
    else if (key === undefined || path === undefined || path === "") {
      reader.refuse(option, text, mountNeeded(option, text));
    } else if (external.some((other) => other.key === key)) {
      reader.refuse(option, text, "there is another path for the same mount");
    } else external.push({ key, path });
  }
  return { ...optional("root", root?.replace(/(?<=.)\/+$/, "")), external, takesDetected };
}

/** CRIU takes network devices that are moved (`netdev`), and block devices (`dev`). */
function mountNeeded(option: string, text: string): string {
  if (option === "external" && !text.startsWith("mnt[")) {
    return 'it can be for mounts, veth and macvlan devices, as in "mnt[KEY]:PATH"; others are for scripts to provide';
  }
  const example = option === "external" ? "mnt[KEY]:PATH" : "KEY:PATH";
  return `the name of a mount and a path are needed, as in "${example}"`;
}

/** `--external veth[INNER]:NAME@BRIDGE` and its older form, `--veth-pair INNER=NAME@BRIDGE`; the bridge may be left out. */
function readOuterEnds(reader: OptionReader): OuterEnd[] {
  const given = [
    ...reader.values("external").filter((text) => text.startsWith(VETH)).map((text) => (
      [text, "external", /^veth\[([^\]]*)\]:([^@]*)(?:@(.*))?$/s.exec(text)] as const
    )),
    ...reader.values("veth-pair").map((text) => (
      [text, "veth-pair", /^([^=]*)=([^@]*)(?:@(.*))?$/s.exec(text)] as const
    )),
  ];
  const ends: OuterEnd[] = [];
  for (const [text, option, match] of given) {
    const [, inner = "", name = "", bridge] = match ?? [];
    if (![inner, name, bridge ?? name].every(isDeviceName)) {
      const example = option === "external" ? "veth[eth0]:NAME@BRIDGE" : "eth0=NAME@BRIDGE";
      reader.refuse(option, text, `names of devices are needed, as in "${example}"`);
    } else if (ends.some((other) => other.inner === inner || other.name === name)) {
      reader.refuse(option, text, "there is another end for the same device, or with the same name");
    } else ends.push({ inner, name, ...optional("bridge", bridge) });
  }
  return ends;
}

/**
 * As all keys of CRIU begin. LXC passes something else for a network of no kind: it repeats what it has passed last, as
 * in `--lsm-profile apparmor:unconfined --external apparmor:unconfined` (`exec_criu` in its criu.c).
 */
function isKey(text: string): boolean {
  return /^[a-z]+\[/.test(text);
}

function isOfDevice(text: string): boolean {
  return text.startsWith(VETH) || text.startsWith(MACVLAN);
}

/** `--external macvlan[INNER]:PARENT` */
function readParents(reader: OptionReader): OuterParent[] {
  const parents: OuterParent[] = [];
  for (const text of reader.values("external").filter((text) => text.startsWith(MACVLAN))) {
    const [, inner = "", parent = ""] = /^macvlan\[([^\]]*)\]:(.*)$/s.exec(text) ?? [];
    if (![inner, parent].every(isDeviceName)) {
      reader.refuse("external", text, 'names of devices are needed, as in "macvlan[eth0]:PARENT"');
    } else if (parents.some((other) => other.inner === inner)) {
      reader.refuse("external", text, "there is another parent for the same device");
    } else parents.push({ inner, parent });
  }
  return parents;
}

/** `KIND:PID` or `KIND:FILE`. Placeholders have no namespaces but for pids and cgroups. */
function readJoins(reader: OptionReader): JoinedNamespace[] {
  const joins: JoinedNamespace[] = [];
  for (const text of reader.values("join-ns")) {
    const [, name, place = ""] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
    const kind = JOINABLE_NAMESPACES.find((known) => known === name);
    const path = /^\d+$/.test(place) ? `/proc/${place}/ns/${kind}` : place;
    if (kind === undefined || !path.startsWith("/")) {
      const kinds = JOINABLE_NAMESPACES.join(", ");
      reader.refuse("join-ns", text, `one of ${kinds} and a pid or an absolute path are needed, as in "uts:77"`);
    } else if (joins.some((other) => other.kind === kind)) {
      reader.refuse("join-ns", text, "there is another namespace of the same kind");
    } else joins.push({ kind, path });
  }
  if (joins.length > 0 && reader.flag("placeholders") === true) reader.exclude("join-ns", "placeholders");
  return joins;
}

/** `apparmor:NAME` or `none`; names may have colons themselves. */
function readProfile(reader: OptionReader): Pick<PlanOptions, "profile"> {
  const text = reader.value("lsm-profile");
  if (text === undefined) return {};
  if (text === "none") return { profile: "none" };
  const [, appArmor] = /^apparmor:(.+)$/s.exec(text) ?? [];
  if (appArmor !== undefined) return { profile: { appArmor } };
  reader.refuse("lsm-profile", text, 'a profile of AppArmor is needed, as in "apparmor:docker-default", or "none"');
  return {};
}

/** CRIU closes connections when it is told to do both. */
function readConnections(reader: OptionReader): PlanOptions["connections"] {
  const mayRestore = reader.flag("tcp-established") ?? false;
  if (reader.flag("tcp-close") ?? false) return "close";
  return mayRestore ? "restore" : "refuse";
}

/**
 * `[CTRL:]/PATH`; the first colon ends CTRL, which may be empty, and a text that begins with a slash has none. Behind CTRL,
 * the slash may be missing: LXC leaves it out for cgroup v2.
 */
function readRoots(reader: OptionReader): CgroupRoot[] {
  const roots: CgroupRoot[] = [];
  for (const text of reader.values("cgroup-root")) {
    const colon = text.startsWith("/") ? -1 : text.indexOf(":");
    const root = {
      path: colon < 0 ? text : text.slice(colon + 1).replace(/^(?=[^/])/, "/"),
      ...optional("hierarchy", colon < 0 ? undefined : text.slice(0, colon)),
    };
    const problem = cgroupPathProblem(root.path);
    if (problem !== undefined) reader.refuse("cgroup-root", text, problem);
    else if (roots.some((other) => other.hierarchy === root.hierarchy)) {
      reader.refuse("cgroup-root", text, "there is another root for the same hierarchies");
    } else roots.push(root);
  }
  return roots;
}
