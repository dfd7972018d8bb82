import type { CgroupEntry } from "../gen/cgroup.ts";
import type { CoreEntry } from "../gen/core.ts";
import type { InventoryEntry } from "../gen/inventory.ts";
import type { PidnsEntry } from "../gen/namespaces.ts";
import type { PstreeEntry } from "../gen/pstree.ts";
import type { TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import type { ContentImages } from "./content_images.ts";
import type { ImageVersion } from "./magic.ts";

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
  readonly ids: ReadonlyMap<number, TaskKobjIdsEntry>;
  /** Of the root task's pid namespace; only dumps that call one external have it. */
  readonly pidns?: PidnsEntry;
  /** Absent when there is nothing to say about cgroups. */
  readonly cgroup?: CgroupEntry;
  /** Absent when it was not asked for. */
  readonly contents?: ContentImages;
}
