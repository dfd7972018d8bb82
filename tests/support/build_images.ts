import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { readCgroupEntry } from "../../lib/gen/cgroup.ts";
import { readCoreEntry } from "../../lib/gen/core.ts";
import { readInventoryEntry } from "../../lib/gen/inventory.ts";
import { readPidnsEntry } from "../../lib/gen/namespaces.ts";
import { readPstreeEntry } from "../../lib/gen/pstree.ts";
import { readTaskKobjIdsEntry } from "../../lib/gen/task_kobj_ids.ts";
import type { Images } from "../../lib/image/images.ts";
import { type ImageType, magicsOf } from "../../lib/image/magic.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import type { Checkpoint, Permissions } from "../../lib/model/checkpoint.ts";
import { MessageReader, type ReadMessage } from "../../lib/wire/message_reader.ts";
import {
  cg_controller_entrySchema,
  cg_set_entrySchema,
  type cgroup_dir_entry,
  cgroup_dir_entrySchema,
  cgroup_entrySchema,
  cgroup_permsSchema,
} from "../gen/cgroup_pb.ts";
import { type core_entry, core_entry_march, core_entrySchema } from "../gen/core_pb.ts";
import { inventory_entrySchema } from "../gen/inventory_pb.ts";
import { pidns_entrySchema } from "../gen/namespaces_pb.ts";
import { pstree_entrySchema } from "../gen/pstree_pb.ts";
import { type task_kobj_ids_entry, task_kobj_ids_entrySchema } from "../gen/task_kobj_ids_pb.ts";

/** A checkpoint in few words. What is left out has the default named here. */
export interface ImagesDescription {
  /** The first is the root. */
  readonly tasks: readonly TaskDescription[];
  /** None; then there is no cgroup.img, unless `controllers` are given. */
  readonly sets?: readonly SetDescription[];
  /** None. */
  readonly controllers?: readonly ControllerDescription[];
  /** 1; `null` for none at all. */
  readonly rootCgSet?: number | null;
  /** 2; goes into the image as it is. */
  readonly imgVersion?: number;
  /** Ids of the dumping CRIU: all namespaces as those of the tasks. `null` for none at all. */
  readonly rootIds?: IdsDescription | null;
  /** Key of the root task's pid namespace. None; then that is not external. */
  readonly externalPids?: string;
}

export interface TaskDescription {
  readonly pid: number;
  /** 0 for the first task, else the first task. */
  readonly parent?: number;
  /** The first task. */
  readonly group?: number;
  /** The first task. */
  readonly session?: number;
  /** alive; a number goes into the image as it is. */
  readonly state?: "alive" | "stopped" | "zombie" | number;
  /** 0 */
  readonly exitStatus?: number;
  /** Not in the image. */
  readonly stopSignal?: number;
  /** false */
  readonly childSubreaper?: boolean;
  /** `task` */
  readonly comm?: string;
  /** Not in the image. */
  readonly set?: number;
  /** The set where old CRIUs wrote it (`tc.cg_set`). Not in the image. */
  readonly oldSet?: number;
  /** The threads but the leader; those of a zombie are only listed. None. */
  readonly threads?: readonly (ThreadDescription | number)[];
  /** All namespaces as the first task's. */
  readonly ids?: IdsDescription;
  /** Ids are in the core image, as in old dumps. false */
  readonly idsInCore?: boolean;
  /** X86_64 */
  readonly march?: core_entry_march;
}

export interface ThreadDescription {
  readonly tid: number;
  /** Not in the image. */
  readonly comm?: string;
  /** Not in the image. */
  readonly set?: number;
}

export type IdsDescription = Partial<
  Record<"pid" | "net" | "ipc" | "uts" | "mnt" | "user" | "cgroup" | "time", number>
>;

export interface SetDescription {
  readonly id: number;
  /** Path by hierarchy; with the length of its namespace prefix when it has one. */
  readonly members: Readonly<Record<string, string | readonly [path: string, prefix: number]>>;
}

export interface ControllerDescription {
  readonly names: readonly string[];
  readonly directories?: readonly DirectoryDescription[];
}

export interface DirectoryDescription {
  readonly name: string;
  readonly children?: readonly DirectoryDescription[];
  /** In this order. */
  readonly properties?: readonly { name: string; value: string; permissions?: Permissions }[];
  readonly permissions?: Permissions;
}

/** The checkpoint of a description. */
export function aCheckpoint(description: ImagesDescription): Checkpoint {
  return buildCheckpoint(buildImages(description));
}

/** The messages of a description, as `readImages` would return them. */
export function buildImages(description: ImagesDescription): Images {
  const { version, inventory, pstree, cores, ids, pidns, cgroup } = buildMessages(description);
  function decode<Schema extends DescMessage, T>(schema: Schema, read: ReadMessage<T>): (m: MessageShape<Schema>) => T {
    return (message) => read(new MessageReader(toBinary(schema, message)));
  }
  function decodeAll<Message, T>(messages: ReadonlyMap<number, Message>, decode: (message: Message) => T) {
    return new Map([...messages].map(([id, message]) => [id, decode(message)]));
  }
  return {
    version,
    inventory: decode(inventory_entrySchema, readInventoryEntry)(inventory),
    pstree: pstree.map(decode(pstree_entrySchema, readPstreeEntry)),
    cores: decodeAll(cores, decode(core_entrySchema, readCoreEntry)),
    ids: decodeAll(ids, decode(task_kobj_ids_entrySchema, readTaskKobjIdsEntry)),
    ...pidns === undefined ? {} : { pidns: decode(pidns_entrySchema, readPidnsEntry)(pidns) },
    ...cgroup === undefined ? {} : { cgroup: decode(cgroup_entrySchema, readCgroupEntry)(cgroup) },
  };
}

function buildMessages(description: ImagesDescription) {
  const { tasks, sets, controllers, rootCgSet = 1, imgVersion = 2, rootIds = {}, externalPids } = description;
  const root = tasks[0]?.pid ?? 0;
  // Backwards, so that of two tasks with the same pid the first one has the core.
  const cores = new Map(tasks.toReversed().flatMap(buildCores));
  const live = tasks.filter((task) => task.state !== "zombie" && task.idsInCore !== true);
  const ids = new Map(live.map((task) => [task.pid, buildIds(task.ids)]));
  for (const task of tasks) if (task.idsInCore === true) ids.set(task.pid, buildIds(task.ids));
  const cgroup = sets === undefined && controllers === undefined ? undefined : create(cgroup_entrySchema, {
    sets: (sets ?? []).map(buildSet),
    controllers: (controllers ?? []).map(buildController),
  });
  return {
    version: imgVersion === 1 ? 1 as const : 2 as const,
    inventory: create(inventory_entrySchema, {
      imgVersion,
      ...(rootIds === null ? {} : { rootIds: buildIds(rootIds) }),
      ...(rootCgSet === null ? {} : { rootCgSet }),
    }),
    pstree: tasks.map((task, index) => buildPstreeEntry(task, { root, index })),
    cores,
    ids,
    pidns: externalPids === undefined ? undefined : create(pidns_entrySchema, { extKey: externalPids }),
    cgroup,
  };
}

/** The files of a description, by name. */
export function encodeImages(description: ImagesDescription): Map<string, Uint8Array<ArrayBuffer>> {
  const { version, inventory, pstree, cores, ids, pidns, cgroup } = buildMessages(description);
  const inCore = new Set(description.tasks.filter((task) => task.idsInCore === true).map((task) => task.pid));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  function put<Schema extends DescMessage>(
    name: string,
    content: { type: ImageType; schema: Schema; messages: readonly MessageShape<Schema>[] },
  ): void {
    const { type, schema, messages } = content;
    files.set(
      `${name}.img`,
      frameEntries(magicsOf(type, version), messages.map((message) => toBinary(schema, message))),
    );
  }
  put("inventory", { type: "inventory", schema: inventory_entrySchema, messages: [inventory] });
  put("pstree", { type: "pstree", schema: pstree_entrySchema, messages: pstree });
  const number = ids.get(description.tasks[0]?.pid ?? 0)?.pidNsId;
  if (pidns !== undefined) put(`pidns-${number}`, { type: "pidns", schema: pidns_entrySchema, messages: [pidns] });
  if (cgroup !== undefined) put("cgroup", { type: "cgroup", schema: cgroup_entrySchema, messages: [cgroup] });
  for (const [tid, core] of cores) put(`core-${tid}`, { type: "core", schema: core_entrySchema, messages: [core] });
  for (const [pid, message] of ids) {
    if (!inCore.has(pid)) put(`ids-${pid}`, { type: "ids", schema: task_kobj_ids_entrySchema, messages: [message] });
  }
  return files;
}

/** Writes the files of a description into `directory`, which exists. */
export function writeImages(directory: string, description: ImagesDescription): void {
  for (const [name, bytes] of encodeImages(description)) Deno.writeFileSync(`${directory}/${name}`, bytes);
}

/** The bytes of an image file: its magics, and each payload after its size. */
export function frameEntries(magics: readonly number[], payloads: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = payloads.reduce((sum, payload) => sum + 4 + payload.length, 4 * magics.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const magic of magics) {
    view.setUint32(at, magic, true);
    at += 4;
  }
  for (const payload of payloads) {
    view.setUint32(at, payload.length, true);
    bytes.set(payload, at + 4);
    at += 4 + payload.length;
  }
  return bytes;
}

function buildPstreeEntry(task: TaskDescription, { root, index }: { root: number; index: number }) {
  return create(pstree_entrySchema, {
    pid: task.pid,
    ppid: task.parent ?? (index === 0 ? 0 : root),
    pgid: task.group ?? root,
    sid: task.session ?? root,
    threads: [task.pid, ...(task.threads ?? []).map((thread) => describedThread(thread).tid)],
  });
}

function describedThread(thread: ThreadDescription | number): ThreadDescription {
  return typeof thread === "number" ? { tid: thread } : thread;
}

const STATES = { alive: 1, stopped: 3, zombie: 2 } as const;

/** The core of the leader, and of all threads; what a zombie lists as threads has none. */
function buildCores(task: TaskDescription): [number, core_entry][] {
  const { state = "alive", set, oldSet, stopSignal, march = core_entry_march.X86_64 } = task;
  const leader = create(core_entrySchema, {
    mtype: march,
    tc: {
      taskState: typeof state === "number" ? state : STATES[state],
      exitCode: task.exitStatus ?? 0,
      personality: 0,
      flags: 0x400000,
      blkSigset: 0n,
      comm: task.comm ?? "task",
      childSubreaper: task.childSubreaper ?? false,
      ...(stopSignal === undefined ? {} : { stopSigno: stopSignal }),
      ...(oldSet === undefined ? {} : { cgSet: oldSet }),
    },
    threadCore: threadCore({ tid: task.pid, ...(set === undefined ? {} : { set }) }),
    ...(task.idsInCore === true ? { ids: buildIds(task.ids) } : {}),
  });
  const others = (state === "zombie" ? [] : task.threads ?? []).map(describedThread).map((
    thread,
  ): [number, core_entry] => [
    thread.tid,
    create(core_entrySchema, { mtype: march, threadCore: threadCore(thread) }),
  ]);
  return [...others, [task.pid, leader]];
}

function threadCore({ comm, set }: ThreadDescription) {
  return {
    futexRla: 0n,
    futexRlaLen: 0,
    ...(comm === undefined ? {} : { comm }),
    ...(set === undefined ? {} : { cgSet: set }),
  };
}

function buildIds(ids: IdsDescription = {}): task_kobj_ids_entry {
  return create(task_kobj_ids_entrySchema, {
    vmId: 1,
    filesId: 1,
    fsId: 1,
    sighandId: 1,
    pidNsId: ids.pid ?? 1,
    netNsId: ids.net ?? 2,
    ipcNsId: ids.ipc ?? 3,
    utsNsId: ids.uts ?? 4,
    mntNsId: ids.mnt ?? 5,
    userNsId: ids.user ?? 6,
    cgroupNsId: ids.cgroup ?? 7,
    timeNsId: ids.time ?? 8,
  });
}

function buildSet({ id, members }: SetDescription) {
  const ctls = Object.entries(members).map(([name, member]) => {
    if (typeof member === "string") return { name, path: member };
    return { name, path: member[0], cgnsPrefix: member[1] };
  });
  return create(cg_set_entrySchema, { id, ctls });
}

function buildController({ names, directories = [] }: ControllerDescription) {
  return create(cg_controller_entrySchema, { cnames: [...names], dirs: directories.map(buildDirectory) });
}

function buildDirectory({ name, children, properties, permissions }: DirectoryDescription): cgroup_dir_entry {
  return create(cgroup_dir_entrySchema, {
    dirName: name,
    children: (children ?? []).map(buildDirectory),
    properties: (properties ?? []).map(({ name, value, permissions }) => ({
      name,
      value,
      ...perms(permissions, "perms"),
    })),
    ...perms(permissions, "dirPerms"),
  });
}

function perms<Name extends "perms" | "dirPerms">(permissions: Permissions | undefined, name: Name) {
  return permissions === undefined ? {} : { [name]: create(cgroup_permsSchema, permissions) };
}
