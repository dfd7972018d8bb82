import type { Contents } from "../../model/contents.ts";

/** Which task is the first one that has an open file: there may be thousands of either. */
export class Holders {
  readonly #pids: readonly number[];
  /** By file, the index of its first task. */
  readonly #first = new Map<number, number>();

  constructor({ tables, tasks }: Pick<Contents, "tables" | "tasks">) {
    this.#pids = [...tasks.keys()];
    for (const [index, { table }] of [...tasks.values()].entries()) {
      for (const { file } of tables.get(table) ?? []) if (!this.#first.has(file)) this.#first.set(file, index);
    }
  }

  /** Pid of the first task that has one of the open files; `undefined` when they are in flight only. */
  firstOf(files: readonly number[]): number | undefined {
    const indices = files.map((file) => this.#first.get(file)).filter((index) => index !== undefined);
    return indices.length === 0 ? undefined : this.#pids[Math.min(...indices)];
  }
}

/** Who has an open file, for problems: `"task 77, descriptor 5"`. */
export function describeHolder({ tables, tasks }: Pick<Contents, "tables" | "tasks">, file: number): string {
  for (const [table, descriptors] of tables) {
    const descriptor = descriptors.find((one) => one.file === file);
    const task = [...tasks].find(([, state]) => state.table === table);
    if (descriptor !== undefined && task !== undefined) return `task ${task[0]}, descriptor ${descriptor.fd}`;
  }
  return `file ${file}, which is in flight`;
}
