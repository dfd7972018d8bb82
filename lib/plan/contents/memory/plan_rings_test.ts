import { deepEqual as assertEquals } from "node:assert/strict";
import { aMapping, aRun, aSpace } from "../../../../tests/support/build_space.ts";
import type { Problem } from "../../../errors.ts";
import { ringKey } from "./memory_questions.ts";
import { planRings, type RingStep } from "./plan_rings.ts";

const PID = 7;
const ADDRESS = 0x7f00_0000_0000;
const PAGE = 0x1000;
/** Events that one page holds behind the header. */
const CAPACITY = 127;

interface Dumped {
  readonly number?: number;
  readonly capacity?: number;
  readonly head?: number;
  readonly tail?: number;
  readonly magic?: number;
}

/** `struct aio_ring`. */
function header({ number = 0, capacity = CAPACITY, head = 0, tail = 0, magic = 0xa10a10a1 }: Dumped): Uint8Array {
  return new Uint8Array(Uint32Array.of(number, capacity, head, tail, magic, 1, 0, 32).buffer);
}

function plan(
  rings: readonly (Dumped | undefined)[],
  { processors = 1 }: { readonly processors?: number } = {},
): { steps: RingStep[]; problems: string[] } {
  const addressOf = (index: number) => ADDRESS + 16 * PAGE * index;
  const problems: Problem[] = [];
  const space = aSpace({
    mappings: rings.map((_, index) => aMapping(addressOf(index), 1, { content: { kind: "ring" } })),
    pages: rings.map((_, index) => aRun(addressOf(index), 1, { offset: index * PAGE })),
    rings: rings.map((_, index) => ({ address: addressOf(index), requests: 62, size: PAGE })),
  });
  const pages = new Map(rings.flatMap((ring, index) => (
    ring === undefined ? [] : [[ringKey(PID, addressOf(index)), header(ring)] as const]
  )));
  const steps = planRings(space, { pid: PID, host: { pages, processors }, problems });
  return { steps, problems: problems.map(({ what }) => what) };
}

Deno.test("planRings() counts events, also in a ring that has gone round", async (t) => {
  const rows: readonly (readonly [head: number, tail: number, waiting: number])[] = [
    [0, 0, 0],
    [3, 3, 0],
    [3, 10, 7],
    [126, 2, 3],
  ];
  for (const [head, tail, waiting] of rows) {
    await t.step(`from ${head} to ${tail}`, () => {
      const { steps: [step], problems } = plan([{ head, tail }]);
      assertEquals({ past: step?.past, waiting: step?.waiting, problems }, { past: head, waiting, problems: [] });
    });
  }
});

Deno.test("planRings() reads all but the header, and keeps the kernel's order", () => {
  const { steps } = plan([{ number: 2 }, { number: 0 }]);
  assertEquals(steps.map(({ fills }) => fills), [
    [{ kind: "fill", file: "pages-1.img", offset: PAGE + 32, ranges: [32, PAGE - 32] }],
    [{ kind: "fill", file: "pages-1.img", offset: 32, ranges: [32, PAGE - 32] }],
  ]);
});

Deno.test("planRings() tells what it cannot do", async (t) => {
  const rows: readonly (readonly [name: string, ring: Dumped | undefined, processors: number, problem: string])[] = [
    ["no pages", undefined, 1, "the images do not have its pages"],
    ["another magic", { magic: 1 }, 1, "its header is damaged"],
    ["another size", { capacity: 128 }, 1, "its header is damaged"],
    ["a head that is outside", { head: CAPACITY }, 1, "its header is damaged"],
    ["a tail that is outside", { tail: CAPACITY }, 1, "its header is damaged"],
    [
      "many processors",
      {},
      16,
      "it has 4096 bytes, and would have 8192 on this machine, which can have 16 processors",
    ],
  ];
  for (const [name, ring, processors, problem] of rows) {
    await t.step(name, () => assertEquals(plan([ring], { processors }).problems, [problem]));
  }
});
