import type {
  MountOption,
  MountSource,
  MountsPlan,
  MountStep,
  NewFileSystem,
  NewOverlay,
  RemovedName,
  SharingStep,
} from "../../../plan/contents/namespaces/mounts_plan.ts";
import { overlayData } from "../../../plan/contents/namespaces/overlay_layers.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  CLONE_NEWNS,
  MNT_DETACH,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  S_IFREG,
} from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import { nameMount } from "../../../model/mounts.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { fetchDescriptor } from "../compile_descriptors.ts";
import { type ContentsContext, descriptorOf, type Purpose, remoteCall, words } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { enterNet } from "./nested_nets.ts";
import { writeTree } from "./write_tree.ts";

const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSCONFIG_CMD_RECONFIGURE = 7;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MOVE_MOUNT_SET_GROUP = 0x100;

/** linux/mount.h, for mount(2) and for mount_setattr(2). */
const MS_RDONLY = 0x1;
const MS_UNBINDABLE = 1 << 17;
const MS_PRIVATE = 1 << 18;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MS_RDONLY, 0x1],
  [0x2, 0x2], // NOSUID
  [0x4, 0x4], // NODEV
  [0x8, 0x8], // NOEXEC
  [0x100, 0x20_0000], // NOSYMFOLLOW
  [0x800, 0x80], // NODIRATIME
];
const MS_NOATIME = 0x400;
const MS_RELATIME = 1 << 21;
/** Together they say how times of access are kept; neither: MOUNT_ATTR_RELATIME. */
const ATTR_NOATIME = 0x10;
const ATTR_STRICTATIME = 0x20;
const ATTR_ATIME = 0x70;
const ALL_ATTRIBUTES = ATTRIBUTES.reduce((all, [, attribute]) => all | attribute, ATTR_ATIME);

/** No image has those of what was removed. */
const REMOVED_DIRECTORY_MODE = 0o755;
const REMOVED_FILE_MODE = S_IFREG | 0o644;
const REMOVED_HINTS = {
  EEXIST: "what was removed is there again since the plan was made",
  EROFS: "its file system is read-only",
};

const HINTS = {
  EPERM: "that needs CAP_SYS_ADMIN",
  ENOENT: "it has gone since the plan was made",
  ENODEV: "this kernel does not have such a file system",
  EINVAL: "the kernel does not take one of its options, or what is mounted here cannot be a part of it",
  ENOSPC: "there are too many mounts: see the sysctl fs.mount-max",
};

const OVERLAY_HINTS = {
  EINVAL: "the kernel does not take one of its options, or one of its directories: its log may say which",
  ESTALE: "its upper directory belongs to other lower ones than these",
  EBUSY: "its upper or work directory is in use by another overlay",
  ELOOP: "its directories are part of each other",
};

/**
 * What comes right behind a new mount namespace, a copy of that of the caller: nothing that happens in it is seen
 * outside. The caller's working directory becomes the root directory of the one before, which `directory` is open on:
 * so it has the host's files at hand when its own root is another one.
 */
export function leaveMounts(context: Pick<ContentsContext, "numbers">, directory: number): RemoteCall[] {
  const purpose = {
    attempt: "Cannot leave the mounts of this host",
    hints: { ENOSYS: "Linux 5.12 or newer is needed" },
  };
  return [
    setAttributes(context, { fd: AT_FDCWD, path: "/", flags: AT_RECURSIVE, propagation: MS_SLAVE }, purpose),
    ...returnToHost(context, directory),
  ];
}

/** Makes the root directory of the host, which `directory` is open on, the working directory. */
export function returnToHost(context: Pick<ContentsContext, "numbers">, directory: number): RemoteCall[] {
  const purpose = { attempt: "Cannot enter the root directory of this host" };
  return [
    remoteCall(context, "fchdir", [directory], purpose),
    remoteCall(context, "close", [directory], purpose),
  ];
}

/** Opens the root directory of the host, for `leaveMounts`. */
export function openHost(
  { lowest, ...context }: NamespacesContext,
): { readonly fd: number; readonly call: RemoteCall } {
  const fd = lowest.peek();
  const purpose = { attempt: "Cannot open the root directory of this host", expected: fd };
  return { fd, call: remoteCall(context, "openat", [AT_FDCWD, cString("/"), O_PATH | O_DIRECTORY], purpose) };
}

/** Makes the root directory of the host the working directory, from where the host's files are found. */
export function enterHost(context: NamespacesContext): RemoteCall[] {
  const { fd, call } = openHost(context);
  return [call, ...returnToHost(context, fd)];
}

/** Puts the caller into a mount namespace that is open. Its working directory stays, its root is that of the namespace. */
export function enterMounts(context: Pick<NamespacesContext, "numbers" | "lowest">, namespace: number): RemoteCall[] {
  const purpose = { attempt: "Cannot enter a mnt namespace", hints: { EPERM: "that needs CAP_SYS_ADMIN" } };
  const back = context.lowest.peek();
  const args = [AT_FDCWD, cString("."), O_PATH | O_DIRECTORY];
  return [
    remoteCall(context, "openat", args, { ...purpose, expected: back }),
    remoteCall(context, "setns", [namespace, CLONE_NEWNS], purpose),
    remoteCall(context, "fchdir", [back], purpose),
    remoteCall(context, "close", [back], purpose),
  ];
}

/** How many descriptors `makeMounts` takes for a while, and `openMounts` before that. */
export function descriptorsForMounts({ steps, nested }: MountsPlan): number {
  const writable = steps.filter(({ source }) => isOfRemoved(source)).length;
  return steps.length + writable + 2 * (nested?.namespaces.length ?? 0);
}

/** Descriptors of mount namespaces and of their root directories, by number. */
export type KeptNamespaces = readonly { readonly namespace: number; readonly root: number }[];

/**
 * Makes the mounts of the namespaces, whose copies of this host's mounts go. Each has a descriptor meanwhile, so that
 * nothing depends on what covers what. The caller's working directory stays. It has descriptors of the namespaces then
 * where there are several, and is in the first.
 */
export function makeMounts(
  context: NamespacesContext,
  plan: MountsPlan,
  { descriptors }: OpenedMounts = NO_MOUNTS,
): { readonly calls: RemoteCall[]; readonly kept: KeptNamespaces } {
  const maker = new MountMaker(context, plan, descriptors);
  return { calls: maker.make(), kept: maker.kept };
}

/** Copies of this host's mounts that were opened before they are needed. */
export interface OpenedMounts {
  readonly calls: readonly RemoteCall[];
  /** By the index of the mount. */
  readonly descriptors: ReadonlyMap<number, number>;
}

export const NO_MOUNTS: OpenedMounts = { calls: [], descriptors: new Map() };

/** Opens copies of this host's mounts, which nobody in a user namespace could do. */
export function openMounts(context: NamespacesContext, plan: MountsPlan): OpenedMounts {
  return new MountMaker(context, plan).open();
}

/** Makes the mounts that show pseudoterminals, when everything else is there, and the masters are open. */
export function makePtyMounts(context: NamespacesContext, plan: MountsPlan): RemoteCall[] {
  return new MountMaker(context, plan).makePtys();
}

/** Makes mounts read-only that files had to be made in before. The caller is in the first namespace, and remains there. */
export function sealMounts(context: NamespacesContext, plan: MountsPlan): RemoteCall[] {
  return new MountMaker(context, plan).seal();
}

function isPty({ source }: MountStep): boolean {
  return source.kind === "part" && source.pty !== undefined;
}

type PartSource = Extract<MountSource, { readonly kind: "part" }>;
/** With its index. */
type PlacedPart = readonly [part: number, source: PartSource];
type RemovedSource = PartSource & Required<Pick<PartSource, "removed">>;

/** Needed for the mount with that index, and others perhaps. */
type MadeName = RemovedName & { readonly part: number };

/** What is there for a moment, directories before what is in them, and a descriptor by which it can be removed. */
interface Writable {
  readonly fd: number;
  readonly names: readonly MadeName[];
}

function isOfRemoved(source: MountSource): source is RemovedSource {
  return source.kind === "part" && source.removed !== undefined;
}

class MountMaker {
  readonly #context: NamespacesContext;
  readonly #plan: MountsPlan;
  /** Descriptors of mounts, by their index. */
  readonly #opened: Map<number, number>;
  readonly #writable: Writable[] = [];
  readonly #kept: { readonly namespace: number; readonly root: number }[] = [];
  /** Number of the namespace that the caller is in. */
  #namespace = 0;

  constructor(context: NamespacesContext, plan: MountsPlan, opened: ReadonlyMap<number, number> = new Map()) {
    this.#context = context;
    this.#plan = plan;
    this.#opened = new Map(opened);
  }

  /** Copies of what is here. */
  open(): OpenedMounts {
    const calls = this.#plan.steps.flatMap(({ source }, index) => (
      source.kind === "here" && !this.#opened.has(index)
        ? [this.#openTree(index, { fd: AT_FDCWD, path: source.path })]
        : []
    ));
    return { calls, descriptors: this.#opened };
  }

  get kept(): KeptNamespaces {
    return this.#kept;
  }

  make(): RemoteCall[] {
    const { steps, sharing } = this.#plan;
    // As long as what is here can be reached, and shows who may mount a proc in a user namespace what is in it.
    const calls = [
      ...this.open().calls,
      ...steps.flatMap(({ source }, index) => source.kind === "new" ? this.#makeNew(index, source) : []),
    ];
    for (const [index, step] of steps.entries()) {
      if (isPty(step)) continue;
      if (step.namespace !== this.#namespace) {
        if (this.#namespace === 0) calls.push(...this.#makeRoots());
        calls.push(...this.#keep(), ...this.#begin(step));
      }
      const { source } = step;
      if (source.kind === "overlay" && step.on !== undefined) calls.push(...this.#makeOverlay(index, source));
      const parts = this.#partsOf(index);
      calls.push(
        ...this.#makeRemoved(index, parts),
        this.#setFlags(step, index),
        ...step.on === undefined ? this.#enter(step) : [this.#attach(step, index)],
      );
      // Nothing is on it yet, so that it shows all that it has.
      for (const [part, source] of parts) {
        if (!isOfRemoved(source)) calls.push(this.#takePart(part, source));
      }
    }
    calls.push(...this.#writable.flatMap((writable) => this.#remove(writable)));
    if (this.#plan.nested !== undefined) calls.push(...this.#keep());
    for (const step of sharing) {
      calls.push(...this.#return(this.#step(step.mount).namespace, this.#kept), this.#share(step));
    }
    calls.push(...this.#return(0, this.#kept));
    for (const [index, fd] of this.#opened) calls.push(this.#close(fd, steps[index]));
    return calls;
  }

  /** Those that show a pseudoterminal; the others are there, and the masters of these are open. */
  makePtys(): RemoteCall[] {
    return this.#plan.steps.flatMap((step, index) => {
      const { source, mountPoint } = step;
      if (source.kind !== "part" || source.pty === undefined) return [];
      const path = `${this.#step(source.of).mountPoint}/${source.path}`;
      const open = this.#openTree(index, { fd: AT_FDCWD, path });
      const fd = this.#fd(index);
      const args = [fd, cString(""), AT_FDCWD, cString(mountPoint), MOVE_MOUNT_F_EMPTY_PATH];
      const attach = remoteCall(this.#context, "move_mount", args, purposeOf(step));
      return [open, this.#setFlags(step, index), attach, this.#close(fd, step)];
    });
  }

  /** Those that become read-only when files have been made in them. */
  seal(): RemoteCall[] {
    const { steps, nested } = this.#plan;
    const open = nested?.namespaces.map(({ handle }) => ({ namespace: descriptorOf(this.#context, handle) })) ?? [];
    const calls = steps.filter(({ becomesReadOnly }) => becomesReadOnly === true).flatMap((step) => {
      const where = { fd: AT_FDCWD, path: step.mountPoint, flags: 0, propagation: 0 };
      return [
        ...this.#return(step.namespace, open),
        setAttributes(this.#context, { ...where, attributes: attributesOf(step.flags) }, purposeOf(step)),
      ];
    });
    return [...calls, ...this.#return(0, open)];
  }

  /** Those of other namespaces that are made of directories in the first one. */
  #makeRoots(): RemoteCall[] {
    return this.#plan.steps.flatMap(({ source, on }, index) => (
      source.kind === "overlay" && on === undefined ? this.#makeOverlay(index, source) : []
    ));
  }

  /** A further namespace: its copies of the mounts go when it has its root. */
  #begin(step: MountStep): RemoteCall[] {
    this.#namespace = step.namespace;
    return [remoteCall(this.#context, "unshare", [CLONE_NEWNS], purposeOf(step))];
  }

  /** Opens the namespace that the caller is in, all of whose mounts have been made. */
  #keep(): RemoteCall[] {
    const { lowest, hostPath } = this.#context;
    const purpose = { attempt: "Cannot open the mnt namespace that was made" };
    const open = (path: string, flags: number, expected: number) => (
      remoteCall(this.#context, "openat", [AT_FDCWD, cString(path), flags], { ...purpose, expected })
    );
    const kept = { namespace: lowest.take(), root: lowest.take() };
    this.#kept[this.#namespace] = kept;
    return [
      open(hostPath("/proc/self/ns/mnt"), O_RDONLY, kept.namespace),
      open("/", O_PATH | O_DIRECTORY, kept.root),
    ];
  }

  /** Enters a namespace again that has been made, unless the caller is in it. */
  #return(number: number, open: readonly { readonly namespace: number }[]): RemoteCall[] {
    const there = open[number];
    if (number === this.#namespace || there === undefined) return [];
    this.#namespace = number;
    return enterMounts(this.#context, there.namespace);
  }

  /** Mounts that show what another one shows, and not a pseudoterminal. */
  #partsOf(index: number): PlacedPart[] {
    return this.#plan.steps.flatMap(({ source }, part) => (
      source.kind === "part" && source.of === index && source.pty === undefined ? [[part, source] as const] : []
    ));
  }

  #takePart(index: number, { of, path }: PartSource): RemoteCall {
    return this.#openTree(index, { fd: this.#fd(of), path });
  }

  /** Makes directories and files for mounts that show them: nothing that is removed can be mounted. */
  #makeRemoved(index: number, parts: readonly PlacedPart[]): RemoteCall[] {
    const removed = parts.flatMap(([part, source]) => isOfRemoved(source) ? [[part, source] as const] : []);
    if (removed.length === 0) return [];
    const all = removed.flatMap(([part, { removed }]) => removed.map((name) => ({ part, ...name })));
    const names = [...new Map(all.map((name) => [name.path, name])).values()];
    names.sort((a, b) => a.path.length - b.path.length);
    // The mount that they are in may become read-only.
    const fd = this.#context.lowest.take();
    this.#writable.push({ fd, names });
    const args = [this.#fd(index), cString(""), OPEN_TREE_CLONE | AT_EMPTY_PATH];
    return [
      remoteCall(this.#context, "open_tree", args, { ...purposeOf(this.#step(index)), expected: fd }),
      ...names.map((name) => this.#makeName(fd, name)),
      ...removed.map(([part, source]) => this.#takePart(part, source)),
    ];
  }

  #makeName(fd: number, name: MadeName): RemoteCall {
    const path = cString(name.path);
    return name.isDirectory
      ? remoteCall(
        this.#context,
        "mkdirat",
        [fd, path, REMOVED_DIRECTORY_MODE],
        this.#purposeOfRemoved(name, "makes-directory"),
      )
      : remoteCall(
        this.#context,
        "mknodat",
        [fd, path, REMOVED_FILE_MODE, 0],
        this.#purposeOfRemoved(name, "makes-file"),
      );
  }

  /** Removes what is mounted. */
  #remove({ fd, names }: Writable): RemoteCall[] {
    return [
      ...names.toReversed().map((name) => {
        const args = [fd, cString(name.path), name.isDirectory ? AT_REMOVEDIR : 0];
        return remoteCall(this.#context, "unlinkat", args, this.#purposeOfRemoved(name, "removes"));
      }),
      this.#close(fd, undefined),
    ];
  }

  #purposeOfRemoved(
    { part, hostPath }: MadeName,
    kind: "makes-directory" | "makes-file" | "removes",
  ): Purpose {
    const purpose = { ...purposeOf(this.#step(part)), hints: { ...HINTS, ...REMOVED_HINTS } };
    return hostPath === undefined ? purpose : { ...purpose, effect: { kind, path: hostPath, mountNamespace: "host" } };
  }

  #openTree(index: number, { fd, path }: { readonly fd: number; readonly path: string }): RemoteCall {
    const purpose = { ...purposeOf(this.#step(index)), expected: this.#take(index) };
    const flags = OPEN_TREE_CLONE | (path === "" ? AT_EMPTY_PATH : 0);
    return remoteCall(this.#context, "open_tree", [fd, cString(path), flags], purpose);
  }

  #makeNew(index: number, source: NewFileSystem): RemoteCall[] {
    const { lowest } = this.#context;
    const step = this.#step(index);
    const purpose = purposeOf(step);
    const { network } = source;
    const enter = network === undefined ? [] : this.#enterNet(network, step);
    const setup = lowest.take();
    const leave = network === undefined ? [] : this.#enterNet(0, step);
    const configure = (option: MountOption) => setOption(this.#context, { setup, option, purpose });
    const command = (number: number) => remoteCall(this.#context, "fsconfig", [setup, number, 0, 0, 0], purpose);
    const fd = this.#take(index);
    return [
      ...enter,
      remoteCall(this.#context, "fsopen", [cString(source.type), 0], { ...purpose, expected: setup }),
      ...leave,
      ...optionsOf(source).map(configure),
      command(FSCONFIG_CMD_CREATE),
      remoteCall(this.#context, "fsmount", [setup, 0, 0], { ...purpose, expected: fd }),
      ...writeTree(this.#context, { directory: fd, files: source.files, what: step.mountPoint }),
      ...source.lateOptions.length === 0
        ? []
        : [...source.lateOptions.map(configure), command(FSCONFIG_CMD_RECONFIGURE)],
      this.#close(setup, step),
    ];
  }

  /**
   * It is mounted over the root directory for a moment: fsconfig(2) takes no long lists of directories, and older kernels
   * no commas in them. What covers the root directory of a task, that finds above it.
   */
  #makeOverlay(index: number, { source, options, flags }: NewOverlay): RemoteCall[] {
    const purpose = { ...purposeOf(this.#step(index)), hints: { ...HINTS, ...OVERLAY_HINTS } };
    const [root, above] = [cString("/"), cString("/..")];
    const args = [cString(source), root, cString("overlay"), flags, cString(overlayData(options))];
    return [
      remoteCall(this.#context, "mount", args, purpose),
      remoteCall(this.#context, "open_tree", [AT_FDCWD, above, OPEN_TREE_CLONE], {
        ...purpose,
        expected: this.#take(index),
      }),
      remoteCall(this.#context, "umount2", [above, MNT_DETACH], purpose),
    ];
  }

  /** The coordinator has kept the net namespaces. */
  #enterNet(number: number, step: MountStep): RemoteCall[] {
    const fd = this.#context.lowest.peek();
    const namespace = this.#context.netNamespaces[number] ?? -1;
    return [fetchDescriptor(this.#context, namespace, fd), enterNet(this.#context, fd), this.#close(fd, step)];
  }

  /** A copy of a mount receives what its original receives, and no more than that. */
  #setFlags(step: MountStep, index: number): RemoteCall {
    const propagation = step.followsHost ? MS_SLAVE : MS_PRIVATE;
    const where = {
      fd: this.#fd(index),
      path: "",
      flags: AT_EMPTY_PATH,
      propagation,
      attributes: attributesOf(step.becomesReadOnly === true ? step.flags & ~MS_RDONLY : step.flags),
    };
    return setAttributes(this.#context, where, purposeOf(step));
  }

  #attach(step: MountStep, index: number): RemoteCall {
    const { on = 0, at } = step;
    const flags = MOVE_MOUNT_F_EMPTY_PATH | (at === "" ? MOVE_MOUNT_T_EMPTY_PATH : 0);
    const args = [this.#fd(index), cString(""), this.#fd(on), cString(at), flags];
    return remoteCall(this.#context, "move_mount", args, purposeOf(step));
  }

  /** Makes a mount the root of all who have the present one, on which it is put, and lets that go. */
  #enter(step: MountStep): RemoteCall[] {
    const purpose = purposeOf(step);
    const { lowest } = this.#context;
    const call = (name: "fchdir" | "pivot_root" | "umount2", ...args: RemoteCall["arguments"]) => (
      remoteCall(this.#context, name, args, purpose)
    );
    const root = this.#fd(this.#plan.steps.indexOf(step));
    const back = lowest.peek();
    const args = [root, cString(""), AT_FDCWD, cString("/"), MOVE_MOUNT_F_EMPTY_PATH];
    return [
      remoteCall(this.#context, "openat", [AT_FDCWD, cString("."), O_PATH | O_DIRECTORY], {
        ...purpose,
        expected: back,
      }),
      remoteCall(this.#context, "move_mount", args, purpose),
      call("fchdir", root),
      call("pivot_root", cString("."), cString(".")),
      call("umount2", cString("."), MNT_DETACH),
      call("fchdir", back),
      this.#close(back, step),
    ];
  }

  #share(step: SharingStep): RemoteCall {
    const mount = this.#step(step.mount);
    const fd = this.#fd(step.mount);
    const purpose: Purpose = {
      attempt: `Cannot set with whom the ${nameMount(mount)} shares`,
      hints: { EINVAL: "Linux 5.15 or newer is needed, or something else is mounted here than at the dump" },
    };
    if (step.kind === "join") {
      const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_SET_GROUP;
      return remoteCall(
        this.#context,
        "move_mount",
        [this.#fd(step.peer), cString(""), fd, cString(""), flags],
        purpose,
      );
    }
    return setAttributes(
      this.#context,
      { fd, path: "", flags: AT_EMPTY_PATH, propagation: PROPAGATION[step.kind] },
      purpose,
    );
  }

  #step(index: number): MountStep {
    const step = this.#plan.steps[index];
    if (step === undefined) throw new RangeError(`Cannot use mount ${index}: the plan does not have it`);
    return step;
  }

  #take(index: number): number {
    const fd = this.#context.lowest.take();
    this.#opened.set(index, fd);
    return fd;
  }

  #fd(index: number): number {
    const fd = this.#opened.get(index);
    if (fd === undefined) throw new RangeError(`Cannot use mount ${index}: it has not been made`);
    return fd;
  }

  #close(fd: number, step: MountStep | undefined): RemoteCall {
    this.#context.lowest.release(fd);
    return remoteCall(this.#context, "close", [fd], purposeOf(step));
  }
}

const PROPAGATION = { "share": MS_SHARED, "follow": MS_SLAVE, "set-unbindable": MS_UNBINDABLE } as const;

function purposeOf(step: MountStep | undefined): Purpose {
  return { attempt: `Cannot make the ${step === undefined ? "mount" : nameMount(step)}`, hints: HINTS };
}

function optionsOf({ source, options }: NewFileSystem): MountOption[] {
  return [...source === "" ? [] : [{ name: "source", value: source }], ...options];
}

function setOption(
  context: NamespacesContext,
  { setup, option: { name, value }, purpose }: {
    readonly setup: number;
    readonly option: MountOption;
    readonly purpose: Purpose;
  },
): RemoteCall {
  const option = `with the option ${JSON.stringify(value === undefined ? name : `${name}=${value}`)}`;
  const args = value === undefined
    ? [setup, FSCONFIG_SET_FLAG, cString(name), 0, 0]
    : [setup, FSCONFIG_SET_STRING, cString(name), cString(value), 0];
  return remoteCall(context, "fsconfig", args, { ...purpose, attempt: `${purpose.attempt} ${option}` });
}

function attributesOf(flags: number): number {
  const plain = ATTRIBUTES.reduce((all, [flag, attribute]) => (flags & flag) === 0 ? all : all | attribute, 0);
  if ((flags & MS_NOATIME) !== 0) return plain | ATTR_NOATIME;
  return (flags & MS_RELATIME) === 0 ? plain | ATTR_STRICTATIME : plain;
}

/** mount_setattr(2) with `struct mount_attr`: what is set, what is cleared before, propagation, and a descriptor. */
function setAttributes(
  context: Pick<ContentsContext, "numbers">,
  { fd, path, flags, propagation, attributes }: {
    readonly fd: number;
    readonly path: string;
    readonly flags: number;
    /** 0: as it is. */
    readonly propagation: number;
    /** Absent: as they are. */
    readonly attributes?: number;
  },
  purpose: Purpose,
): RemoteCall {
  const struct = words(attributes ?? 0, attributes === undefined ? 0 : ALL_ATTRIBUTES, propagation, 0);
  return remoteCall(context, "mount_setattr", [fd, cString(path), flags, struct, struct.length], purpose);
}
