import type { cgroup_dir_entry, cgroup_entry, cgroup_perms } from "../gen/cgroup_pb.ts";
import type { cg_controller_entry, cg_set_entry } from "../gen/cgroup_pb.ts";
import type { core_entry } from "../gen/core_pb.ts";
import type { inventory_entry } from "../gen/inventory_pb.ts";
import type { pstree_entry } from "../gen/pstree_pb.ts";
import type { task_kobj_ids_entry } from "../gen/task_kobj_ids_pb.ts";
import type { ImageVersion } from "./magic.ts";

/** All of cgroup.img. */
export type CgroupEntry = cgroup_entry;
/** One cgroup set. */
export type CgroupSetEntry = cg_set_entry;
/** The dumped directories of one hierarchy. */
export type ControllerEntry = cg_controller_entry;
/** A dumped directory, and those in it. */
export type DirectoryEntry = cgroup_dir_entry;
/** Mode and owner of a file or directory. */
export type PermissionsEntry = cgroup_perms;
/** A core image: one thread, and of a leader what its threads share. */
export type CoreEntry = core_entry;
/** All of inventory.img. */
export type InventoryEntry = inventory_entry;
/** One task of pstree.img. */
export type PstreeEntry = pstree_entry;
/** The kernel objects of a task, namespaces among them. */
export type IdsEntry = task_kobj_ids_entry;

/** The decoded images of a checkpoint: each message complete by itself, nothing yet compared with anything else. */
export interface Images {
  /** `img_version` of the inventory, which decided how the other files were understood. */
  readonly version: ImageVersion;
  readonly inventory: InventoryEntry;
  /** In the order of the file. */
  readonly pstree: readonly PstreeEntry[];
  /** By tid: of every task, and of every thread of the live ones. */
  readonly cores: ReadonlyMap<number, CoreEntry>;
  /** By pid, of the live tasks. */
  readonly ids: ReadonlyMap<number, IdsEntry>;
  /** Absent when there is nothing to say about cgroups. */
  readonly cgroup?: CgroupEntry;
}
