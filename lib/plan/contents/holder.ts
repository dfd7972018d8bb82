import type { Contents } from "../../model/contents.ts";

/** Pid of the first task that has one of the open files; `undefined` when they are in flight only. */
export function firstHolder(
  { tables, tasks }: Pick<Contents, "tables" | "tasks">,
  files: ReadonlySet<number>,
): number | undefined {
  return [...tasks].find(([, { table }]) => tables.get(table)?.some(({ file }) => files.has(file)))?.[0];
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
