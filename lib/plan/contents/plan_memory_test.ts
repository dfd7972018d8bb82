import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping, aRun, aSpace } from "../../../tests/support/build_space.ts";
import { buildHost } from "../../../tests/support/plan_inputs.ts";
import type { AddressSpace, Mapping, Segment } from "../../model/address_space.ts";
import type { MemoryStep } from "./contents_plan.ts";
import { fillShared, planFills, planMemory } from "./plan_memory.ts";

const GIB = 2 ** 30;
const PAGE = 0x1000;
const START = 0x10_0000;
const SCRATCH = 5 * GIB;
const FREE = { start: 4 * GIB, end: 6 * GIB, scratch: SCRATCH, kept: 7 * GIB };

Deno.test("planFills() reads what follows in one file at once", () => {
  const runs = [aRun(START, 2, { offset: 0 }), aRun(2 * START, 1, { offset: 2 * PAGE })];
  assertEquals(planFills(runs), [
    { kind: "fill", file: "pages-1.img", offset: 0, ranges: [START, 2 * PAGE, 2 * START, PAGE] },
  ]);
});

Deno.test("planFills() reads files one after the other, and leaves out what is between", () => {
  const file = "parent/pages-1.img";
  const runs = [
    aRun(START, 1, { offset: 0 }),
    aRun(START + PAGE, 1, { offset: 0, file }),
    aRun(START + 2 * PAGE, 1, { offset: PAGE }),
    aRun(START + 3 * PAGE, 1, { offset: 2 * PAGE, file }),
  ];
  assertEquals(planFills(runs).map(({ file, offset, ranges }) => [file, offset, ranges.length / 2]), [
    ["pages-1.img", 0, 2],
    [file, 0, 1],
    [file, 2 * PAGE, 1],
  ]);
});

Deno.test("planFills() reads 1 GiB and 1024 ranges at once at most", () => {
  const large = planFills([aRun(8 * GIB, 2.5 * GIB / PAGE, { offset: 0 })]);
  assertEquals(large.map(({ offset, ranges }) => [offset, ranges]), [
    [0, [8 * GIB, GIB]],
    [GIB, [9 * GIB, GIB]],
    [2 * GIB, [10 * GIB, GIB / 2]],
  ]);
  const many = Array.from({ length: 2050 }, (_, index) => aRun(START + 2 * index * PAGE, 1, { offset: index * PAGE }));
  assertEquals(planFills(many).map(({ ranges }) => ranges.length / 2), [1024, 1024, 2]);
});

function sharedSteps(segment: Segment): MemoryStep[] {
  const segments = new Map([[1, segment]]);
  return fillShared({ segment: 1, handle: 9 }, { emptySegments: new Set([1]), segments, free: FREE });
}

Deno.test("fillShared() looks at a segment window by window, where it has pages", () => {
  const pages = [aRun(GIB - PAGE, 2, { offset: 0 }), aRun(5 * GIB, 1, { offset: 2 * PAGE })];
  const steps = sharedSteps({ size: 5 * GIB + 3 * PAGE, flags: 0, pages });
  const maps = steps.flatMap((step) => step.kind === "map" ? [[step.start, step.size, step.offset]] : []);
  assertEquals(maps, [[SCRATCH, GIB, 0], [SCRATCH, GIB, GIB], [SCRATCH, 3 * PAGE, 5 * GIB]]);
  const ranges = steps.flatMap((step) => step.kind === "fill" ? [[step.offset, ...step.ranges]] : []);
  assertEquals(ranges, [[0, SCRATCH + GIB - PAGE, PAGE], [PAGE, SCRATCH, PAGE], [2 * PAGE, SCRATCH, PAGE]]);
});

Deno.test("fillShared() fills a segment once", () => {
  const segments = new Map([[1, { size: PAGE, flags: 0, pages: [aRun(0, 1)] }]]);
  const context = { emptySegments: new Set([1]), segments, free: FREE };
  assertEquals(fillShared({ segment: 1, handle: 9 }, context).length, 3);
  assertEquals(fillShared({ segment: 1, handle: 9 }, context), []);
});

/** The steps for one task, without those that set its layout. */
function steps(space: Partial<AddressSpace>, { hadKeys = false } = {}): MemoryStep[] {
  return planMemory(aSpace(space), {
    pid: 7,
    host: buildHost({ kernel: [6, 18] }),
    vdso: { mapping: [], patching: [] },
    fileHandle: () => 1,
    executable: undefined,
    free: FREE,
    systemSegments: new Map(),
    segments: new Map(),
    segmentHandle: () => 2,
    sharedBy: () => undefined,
    fileSize: () => undefined,
    hadKeys,
    held: [],
    emptySegments: new Set(),
    problems: [],
  });
}

const MAP_LOCKED = 0x2000;

interface Row {
  readonly name: string;
  readonly mapping: Partial<Mapping>;
  readonly hasPages?: boolean;
  readonly isGuarded?: boolean;
  readonly hadKeys?: boolean;
  /** Kinds of steps, with what matters of them. */
  readonly steps: readonly string[];
}

const ROWS: readonly Row[] = [
  { name: "empty memory", mapping: {}, steps: ["map 3 22"] },
  { name: "memory with pages", mapping: {}, hasPages: true, steps: ["map 3 22", "fill"] },
  { name: "read-only memory stays so where it has no pages", mapping: { protection: 1 }, steps: ["map 1 22"] },
  {
    name: "read-only memory with pages is writable for a while",
    mapping: { protection: 1 },
    hasPages: true,
    steps: ["map 3 22", "fill", "protect 1"],
  },
  {
    name: "memory that may only be run, and could be read",
    mapping: { protection: 4 },
    steps: ["map 4 22", "keep-readable"],
  },
  { name: "memory that may only be run", mapping: { protection: 4 }, hadKeys: true, steps: ["map 4 22"] },
  { name: "memory that may be dropped", mapping: { flags: 0x08 }, steps: ["map 3 28"] },
  { name: "a ring keeps its place", mapping: { content: { kind: "ring" } }, hasPages: true, steps: ["map 0 22"] },
  {
    name: "without huge pages from the beginning, other advice in the end",
    mapping: { advice: [12, 15] },
    hasPages: true,
    steps: ["map 3 22", "advise 15", "fill", "advise 12"],
  },
  {
    name: "locked at last, when guards are there",
    mapping: { flags: MAP_LOCKED },
    hasPages: true,
    isGuarded: true,
    steps: ["map 3 22", "fill", "advise 102", "lock true"],
  },
  {
    name: "closed and locked before it is closed",
    mapping: { flags: MAP_LOCKED, protection: 0 },
    hasPages: true,
    steps: ["map 2 22", "fill", "lock true", "protect 0"],
  },
  {
    name: "closed and locked from the beginning",
    mapping: { flags: MAP_LOCKED, protection: 0 },
    steps: ["map 0 2022"],
  },
];

function describeStep(step: MemoryStep): string {
  switch (step.kind) {
    case "map":
      return `map ${step.protection} ${step.flags.toString(16)}`;
    case "protect":
      return `protect ${step.protection}`;
    case "advise":
      return `advise ${step.advice}`;
    case "lock":
      return `lock ${step.onFault}`;
    default:
      return step.kind;
  }
}

Deno.test("planMemory() makes mappings as they were", async (t) => {
  for (const { name, mapping, hasPages = false, isGuarded = false, hadKeys, steps: expected } of ROWS) {
    await t.step(name, () => {
      const guards = isGuarded ? [{ start: START + PAGE, end: START + 2 * PAGE }] : [];
      const space = { mappings: [aMapping(START, 2, mapping)], pages: hasPages ? [aRun(START, 1)] : [], guards };
      assertEquals(steps(space, { hadKeys: hadKeys === true }).map(describeStep), expected);
    });
  }
});

Deno.test("planMemory() reads the pages of a mapping beside the vdso, and not those of the vdso", () => {
  const vdso = aMapping(START, 1, { content: { kind: "vdso" } });
  const space = { mappings: [vdso, aMapping(START + PAGE, 1)], pages: [aRun(START, 2, { offset: 0 })] };
  assertEquals(steps(space).filter(({ kind }) => kind === "fill"), [
    { kind: "fill", file: "pages-1.img", offset: PAGE, ranges: [START + PAGE, PAGE] },
  ]);
});
