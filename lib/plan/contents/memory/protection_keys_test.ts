import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping } from "../../../../tests/support/build_space.ts";
import type { Contents } from "../../../model/contents.ts";
import type { TaskState, ThreadState } from "../../../model/task_state.ts";
import { notesOnKeys, PROTECTION_KEYS } from "./protection_keys.ts";

const KEYS = new Map([[PROTECTION_KEYS, new Uint8Array(8)]]);

/** One task, on a processor with keys or without. */
function contentsOf(protection: number, components = KEYS): Pick<Contents, "tasks" | "threads"> {
  const task = { memory: { mappings: [aMapping(0x1000, 1, { protection })] } } as unknown as TaskState;
  const thread = { registers: { floating: { components } } } as unknown as ThreadState;
  return { tasks: new Map([[7, task]]), threads: new Map([[7, thread]]) };
}

Deno.test("notesOnKeys() tells of memory that can be read here, and could not be", async (t) => {
  const place = { offset: 0, size: 8 };
  const note = "task 7: memory that may only be run can be read here: this processor has no protection keys";
  const rows = [
    ["memory that may only be run", contentsOf(4), new Map(), [note]],
    ["other memory", contentsOf(5), new Map(), []],
    ["a processor that has keys", contentsOf(4), new Map([[PROTECTION_KEYS, place]]), []],
    ["a dump where there were none", contentsOf(4, new Map()), new Map(), []],
  ] as const;
  for (const [name, contents, components, want] of rows) {
    await t.step(name, () => assertEquals(notesOnKeys(contents, { components }), want));
  }
});
