import { deepEqual as assertEquals } from "node:assert/strict";
import {
  FIFO,
  ghostFile,
  pathFile,
  plannerOf,
  type PlannerParts,
  problemsOf,
  REGULAR,
} from "../../../../tests/support/plan_files.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { FifoFile } from "../../../model/files/pipe_file.ts";
import { planFifo } from "./plan_fifo.ts";
import { planGhosts } from "./plan_ghost.ts";

const O_WRONLY = 1;
const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;

const PIPE = { id: 9, bytes: new Uint8Array(3), capacity: 4096 };

/** Two openings of one FIFO, for reading and for writing, with the files that name them. */
function openings(part: Partial<PathFile> = {}): (FifoFile | PathFile)[] {
  return [
    { kind: "fifo", id: 1, flags: 0, pipe: PIPE, named: 11 },
    pathFile({ id: 11, path: "/fifo", ...part }),
    { kind: "fifo", id: 2, flags: O_WRONLY, pipe: PIPE, named: 12 },
    pathFile({ id: 12, path: "/fifo", flags: O_WRONLY, ...part }),
  ];
}

function plan(files: readonly (FifoFile | PathFile)[], parts: PlannerParts = {}) {
  const planner = plannerOf(files, parts);
  const handles = files.flatMap((file) =>
    file.kind === "fifo" ? [planner.get(`file ${file.id}`) ?? planFifo(planner, file, "holder")] : []
  );
  return { planner, handles };
}

Deno.test("planFifo() opens a FIFO for both first, then as it was, fills it and lets go", () => {
  const { planner, handles } = plan(openings(), { host: { "/fifo": FIFO } });
  const named = { kind: "open-path", what: "/fifo", path: "/fifo" } as const;
  assertEquals(planner.late, [
    { ...named, handle: 0, flags: O_RDWR | O_NONBLOCK | O_NOCTTY },
    { ...named, handle: 1, flags: O_NOCTTY },
    { ...named, handle: 2, flags: O_WRONLY | O_NOCTTY },
    { kind: "fill-pipe", what: "/fifo", handle: 0, ends: [1, 2], bytes: PIPE.bytes, capacity: 4096 },
    { kind: "close", what: "/fifo", handle: 0 },
  ]);
  assertEquals(handles, [1, 2]);
  assertEquals(planner.expected.get(2), { link: "/fifo", flags: O_WRONLY, object: "FIFO 9" });
  assertEquals(problemsOf(planner), []);
});

Deno.test("planFifo() opens a FIFO without a name with all others of its ghost", () => {
  const ghost = ghostFile({ mode: 0o010640 });
  const { planner } = plan(openings({ remap: { kind: "ghost", ghost } }));
  assertEquals(planGhosts(planner).map(({ openings }) => openings.map(({ handle, flags }) => [handle, flags])), [[
    [0, O_RDWR | O_NONBLOCK | O_NOCTTY],
    [1, O_NOCTTY],
    [2, O_WRONLY | O_NOCTTY],
  ]]);
  assertEquals(planner.late.map(({ kind }) => kind), ["fill-pipe", "close"]);
  assertEquals(problemsOf(planner), []);
});

Deno.test("planFifo() does not write to what is no FIFO, or has no name", async (t) => {
  const rows: readonly [name: string, files: (FifoFile | PathFile)[], problem: string][] = [
    ["a regular file, where the image says nothing", openings(), 'holder, "/fifo": it is no FIFO here'],
    [
      "a regular file, where the image knows better",
      openings({ mode: 0o010600 }),
      'holder, "/fifo": its mode is 0100644 here, and was 0010600 at the dump',
    ],
    ["no file", [openings()[0] as FifoFile], "holder: a FIFO is opened by file 11, which has no name"],
  ];
  for (const [name, files, problem] of rows) {
    await t.step(name, () => {
      const { planner } = plan(files, { host: { "/fifo": REGULAR } });
      assertEquals([...new Set(problemsOf(planner))], [problem]);
      assertEquals(planner.late, []);
    });
  }
});

Deno.test("planFifo() uses what the user provides, and tells what is lost", () => {
  const { planner, handles } = plan(openings(), {
    inherited: { 5: { name: "/other", flags: O_RDWR, mode: FIFO.mode, size: 0 } },
    options: { inheritedFiles: [{ fd: 5, key: "fifo" }] },
  });
  assertEquals(handles, [0, 0]);
  assertEquals(planner.early, [{ kind: "inherit", handle: 0, fd: 5, what: "descriptor 5 for fifo" }]);
  assertEquals(planner.expected.get(0), { link: "/other", flags: O_RDWR });
  assertEquals(planner.notes, ["the 3 bytes that were in a FIFO are not restored: it is inherited"]);
});
