import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping, aRun, aSpace } from "../../../../tests/support/build_space.ts";
import { HOST_MEMORY } from "../../../../tests/support/plan_inputs.ts";
import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { AddressSpace } from "../../../model/address_space.ts";
import { checkMemory } from "./check_memory.ts";

const START = 0x10_0000;

interface Row {
  readonly name: string;
  readonly space: Partial<AddressSpace>;
  readonly host?: Partial<Pick<Host, "kernel"> & Host["memory"]>;
  readonly problems: readonly string[];
}

const file = { kind: "file", file: 1, offset: 0, isShared: false, openFlags: 0 } as const;
const { layout } = aSpace();

const ROWS: readonly Row[] = [
  { name: "nothing", space: {}, problems: [] },
  {
    name: "a kind that is unknown",
    space: { mappings: [aMapping(START, 1, { content: { kind: "unknown", what: "a shadow stack" } })] },
    problems: ["task 7, memory 100000-101000: a shadow stack cannot be restored"],
  },
  {
    name: "five levels of page tables",
    space: { mappings: [aMapping(2 ** 47, 1)] },
    problems: [
      "task 7, memory 800000000000-800000001000: its addresses are beyond 47 bits (five levels of page tables), " +
      "which cannot be restored",
    ],
  },
  {
    name: "the last page of 47 bits, and that of vsyscalls",
    space: { mappings: [aMapping(2 ** 47 - 4096, 1), aMapping(2 ** 63, 1, { content: { kind: "vsyscall" } })] },
    problems: [],
  },
  {
    name: "more mappings than are allowed",
    space: { mappings: [aMapping(START, 1), aMapping(2 * START, 1)] },
    host: { maxMappings: 4 },
    problems: [
      "task 7, memory: it has 2 mappings, and vm.max_map_count allows 4 here: 3 more are needed while it is restored",
    ],
  },
  {
    name: "pages that shall be merged, where none are",
    space: { mappings: [aMapping(START, 1, { advice: [12] })] },
    host: { mergesPages: false },
    problems: [
      "task 7, memory 100000-101000: its pages may be merged (MADV_MERGEABLE), and this kernel was made without " +
      "CONFIG_KSM",
    ],
  },
  {
    name: "huge pages, where there are none; that there shall be none does not matter",
    space: { mappings: [aMapping(START, 1, { advice: [14] }), aMapping(2 * START, 1, { advice: [15] })] },
    host: { hasTransparentPages: false },
    problems: [
      "task 7, memory 100000-101000: it shall have huge pages (MADV_HUGEPAGE), and this kernel was made without " +
      "CONFIG_TRANSPARENT_HUGEPAGE",
    ],
  },
  {
    name: "what old kernels do not know",
    space: { mappings: [aMapping(START, 1, { flags: 0x08 })], guards: [{ start: START, end: START + 0x1000 }] },
    host: { kernel: [6, 1] },
    problems: [
      "task 7, memory 100000-101000: its pages may be dropped (MAP_DROPPABLE), which needs Linux 6.11",
      "task 7, memory: it has guard pages (MADV_GUARD_INSTALL), which need Linux 6.13",
    ],
  },
  {
    name: "pages in private mappings that follow each other",
    space: {
      mappings: [aMapping(START, 2), aMapping(START + 0x2000, 2, { content: file })],
      pages: [aRun(START + 0x1000, 2), aRun(START + 0x3000, 1)],
    },
    problems: [],
  },
  {
    name: "pages between mappings, of shared memory, and behind everything",
    space: {
      mappings: [aMapping(START, 1), aMapping(START + 0x2000, 1, { content: { ...file, isShared: true } })],
      pages: [aRun(START, 2), aRun(START + 0x2000, 1), aRun(START + 0x9000, 1)],
    },
    problems: [
      "task 7, pages at 100000: there is no private mapping for them",
      "task 7, pages at 102000: there is no private mapping for them",
      "task 7, pages at 109000: there is no private mapping for them",
    ],
  },
  {
    name: "a layout that the kernel refuses",
    space: { layout: { ...layout, endCode: layout.startCode, brk: 1, envEnd: 2 ** 47 } },
    problems: [
      "task 7, memory: its code ends before it begins",
      "task 7, memory: its heap ends before it begins",
      "task 7, memory: its layout has addresses that no task has",
    ],
  },
];

Deno.test("checkMemory() tells what cannot be restored", async (t) => {
  for (const { name, space, host = {}, problems } of ROWS) {
    await t.step(name, () => {
      const found: Problem[] = [];
      const { kernel = [6, 18], ...memory } = host;
      checkMemory(aSpace(space), {
        pid: 7,
        systemSegments: new Map(),
        host: { kernel, memory: { ...HOST_MEMORY, ...memory } },
        problems: found,
      });
      assertEquals(found.map(({ where, what }) => `${where}: ${what}`), problems);
    });
  }
});
