import { count, printable } from "./printable.ts";
import { makeStyle } from "./style.ts";

/** What came of a restore that succeeded. */
export interface RestoreResult {
  /** As cgrestore's own pid namespace sees it. */
  readonly rootPid: number;
  /** Tasks restored and verified, zombies included. */
  readonly tasks: number;
  /** Threads restored and verified, leaders not counted. */
  readonly threads: number;
  /** Cgroup writes made. */
  readonly writes: number;
  /** Tasks created in their cgroup, without a write. */
  readonly createdInPlace: number;
  /** Whether everything was undone afterwards (`--rehearse`). */
  readonly rehearsed: boolean;
  /** `placeholders`: the tasks have their pids, places and relations, but not their memory, registers and files. */
  readonly contents: "restored" | "placeholders";
  /** Time taken, in milliseconds: reading the images, planning, and doing and verifying it. */
  readonly milliseconds: { readonly read: number; readonly plan: number; readonly execute: number };
  /** What the user should know: those of the plan, and failures that it tolerates. */
  readonly notes: readonly string[];
}

/** The result of a restore, for people. */
export function renderResult(result: RestoreResult, options: { readonly color: boolean }): string {
  const style = makeStyle(options.color);
  const what = `${count(result.tasks, "task")} and ${count(result.threads, "further thread")}`;
  const lines = [
    result.rehearsed
      ? `${style.green("Rehearsed")} ${what}: restored, verified and undone`
      : `${style.green("Restored")} and verified ${what}; the root task has pid ${result.rootPid}`,
    `${count(result.writes, "cgroup write")}, ${count(result.createdInPlace, "task")} created in place`,
  ];
  if (result.contents === "placeholders") {
    lines.push(
      `${style.yellow("Note:")} memory, registers and files were not restored: the tasks are placeholders`,
    );
  }
  for (const note of result.notes) lines.push(`${style.yellow("Note:")} ${printable(note)}`);
  return lines.join("\n") + "\n";
}
