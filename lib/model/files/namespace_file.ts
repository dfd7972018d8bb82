import type { NamespaceKind } from "../checkpoint.ts";
import type { FileBase } from "../open_file.ts";

/** A namespace that is kept open, as who opens /proc/PID/ns/net does. */
export interface NamespaceFile extends FileBase {
  readonly kind: "namespace";
  readonly of: NamespaceKind;
  /** `dumper`: the one that CRIU itself was in, and the tasks were not. */
  readonly whose: "tasks" | "dumper" | "others";
  /** A task that was in it, of those of tasks in which the root task was not. */
  readonly pid?: number;
}
