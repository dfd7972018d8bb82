import { deepEqual as assertEquals } from "node:assert/strict";
import type { OpenFile } from "../../../model/open_file.ts";
import { NEW_SOCKET_OPTIONS } from "../../../../tests/support/unix_sockets.ts";
import { notesOnBuffers } from "./notes_on_buffers.ts";

const note = (what: string) => `${what} at the sizes of the dump: only Linux 5.15 or newer lets them grow again`;
const ONE = note("1 socket keeps its buffers");

const ROWS: readonly (readonly [
  string,
  kernel: readonly [number, number],
  locked: (number | undefined)[],
  string[],
])[] = [
  ["a kernel with the option", [5, 15], [0], []],
  ["sizes that the kernel chose", [5, 14], [0], [ONE]],
  ["one of both sizes", [5, 10], [1, 3], [ONE]],
  ["sizes that were chosen, and checkpoints of such a kernel", [5, 10], [3, undefined], []],
  ["several", [5, 10], [0, 2], [note("2 sockets keep their buffers")]],
];

Deno.test("notesOnBuffers() tells of buffers that will not grow any more", async (t) => {
  for (const [name, kernel, locked, notes] of ROWS) {
    await t.step(name, () => {
      const sockets = locked.map((lockedBuffers, id) => (
        [id, { kind: "unix", options: { ...NEW_SOCKET_OPTIONS, lockedBuffers } } as OpenFile] as const
      ));
      const files = new Map([...sockets, [9, { kind: "pipe" } as OpenFile] as const]);
      assertEquals(notesOnBuffers({ files }, { kernel }), notes);
    });
  }
});
