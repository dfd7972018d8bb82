import type { Problem } from "../errors.ts";
import type { Task } from "../model/checkpoint.ts";
import type { TaskTree } from "./task_tree.ts";

/** Index of the maker of the root. */
export const NO_MAKER = -1;

/** Someone to be made: a task of the checkpoint, or a helper. Filled in step by step while births are planned. */
export interface Newborn {
  readonly pid: number;
  /** Absent for helpers. */
  readonly task?: Task;
  /** Index of who calls clone3. */
  maker: number;
  as: "child" | "sibling";
  /** Whether it has to be born before or after its maker's `turn`. */
  when: "before" | "after" | "any";
  /** What makes it a leader; happens once, between the births before and after it. */
  turn?: "new-session" | "set-group";
}

/** A helper whose exit hands its children to `adopter`, their parent in the checkpoint. All are indices. */
export interface Adoption {
  readonly helper: number;
  readonly adopter: number;
  /** The helper's maker and parent. */
  readonly reaper: number;
}

/** What the steps of planning births share. Tasks have the same index in `tree` and in `newborns`. */
export interface BirthDraft {
  readonly tree: TaskTree;
  /** The tasks, then the helpers. */
  readonly newborns: Newborn[];
  readonly adoptions: Adoption[];
  /** A pid for a helper that may have any; 0 when there is none left. */
  readonly takeFreePid: () => number;
  readonly problems: Problem[];
}

/** Adds a helper and returns its index. */
export function addHelper(draft: BirthDraft, helper: Omit<Newborn, "task" | "as">): number {
  return draft.newborns.push({ ...helper, as: "child" }) - 1;
}

/** Changes how a newborn is made. */
export function setBirth(
  draft: BirthDraft,
  index: number,
  birth: Partial<Pick<Newborn, "maker" | "as" | "when" | "turn">>,
): void {
  const newborn = draft.newborns[index];
  if (newborn !== undefined) Object.assign(newborn, birth);
}
