import type { Contents } from "../../model/contents.ts";

/** Who has an open file, for problems: `"task 77, descriptor 5"`. */
export function describeHolder({ tables, tasks }: Pick<Contents, "tables" | "tasks">, file: number): string {
  for (const [table, descriptors] of tables) {
    const descriptor = descriptors.find((one) => one.file === file);
    const task = [...tasks].find(([, state]) => state.table === table);
    if (descriptor !== undefined && task !== undefined) return `task ${task[0]}, descriptor ${descriptor.fd}`;
  }
  return `file ${file}, which is in flight`;
}
