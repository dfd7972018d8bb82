import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { assemble } from "../../../../tests/support/assemble.ts";
import { aMapping, aRun, aSpace } from "../../../../tests/support/build_space.ts";
import { buildVdso } from "../../../../tests/support/build_vdso.ts";
import type { Problem } from "../../../errors.ts";
import type { HostVdso } from "../../../host/host.ts";
import type { Mapping } from "../../../model/address_space.ts";
import type { VdsoFunction } from "../../../model/parse_vdso.ts";
import type { MemoryStep } from "../contents_plan.ts";
import { vdsoKey } from "./memory_questions.ts";
import { KernelVdso, planVdso, type VdsoPlan } from "./plan_vdso.ts";
import { COMPAT_STUBS, compatJump } from "./redirections.ts";

const PID = 7;
const ASIDE = 0x1_c000_0000;
const PAGE = 0x1000;
const DATA = 0x7f00_0000_0000;
/** Two parts of data, and one page of code. */
const CODE = DATA + 3 * PAGE;

const FUNCTIONS: readonly VdsoFunction[] = [
  { name: "__vdso_clock_gettime", offset: 0x800, size: 64 },
  { name: "clock_gettime", offset: 0x800, size: 64 },
  { name: "__vdso_time", offset: 0x900, size: 16 },
];

const HOST: HostVdso = {
  parts: [
    { kind: "vvar", offset: 0, size: 2 * PAGE },
    { kind: "vvar", offset: 2 * PAGE, size: PAGE },
    { kind: "vdso", offset: 3 * PAGE, size: PAGE },
  ],
  code: buildVdso(FUNCTIONS),
};

const code = aMapping(CODE, 1, { protection: 5, content: { kind: "vdso" } });
const data = aMapping(DATA, 3, { protection: 1, content: { kind: "vvar" } });

interface Dumped {
  readonly mappings?: readonly Mapping[];
  readonly bytes?: Uint8Array;
  readonly isCompat?: boolean;
  readonly instructions?: readonly number[];
  readonly vdso?: HostVdso | undefined;
  readonly aside?: number | undefined;
}

function plan(dumped: Dumped): { plan: VdsoPlan; problems: string[] } {
  const { mappings = [data, code], bytes = HOST.code, isCompat = false, instructions = [] } = dumped;
  const vdso = "vdso" in dumped ? dumped.vdso : HOST;
  const aside = "aside" in dumped ? dumped.aside : ASIDE;
  const problems: Problem[] = [];
  const pages = new Map([[vdsoKey(PID), bytes]]);
  const own = vdso === undefined ? undefined : new KernelVdso(vdso);
  const space = aSpace({ mappings, pages: [aRun(CODE, 1)] });
  const planned = planVdso(space, { pid: PID, isCompat, instructions, own, pages, aside, problems });
  return { plan: planned, problems: problems.map(({ what }) => what) };
}

const IN_PLACE: readonly MemoryStep[] = [{ kind: "map-vdso", start: DATA, isCompat: false }];

/** The same functions, but other code. */
const OTHER_CODE = HOST.code.map((byte, at) => at === 0x810 ? 0x90 : byte);

Deno.test("planVdso() maps this kernel's in the place of the dumped one", async (t) => {
  const rows: readonly (readonly [name: string, dumped: Dumped])[] = [
    ["the same one", {}],
    ["the same one, in which a thread is", { instructions: [CODE + 0x850] }],
    ["one with the same functions at the same offsets", { bytes: OTHER_CODE }],
  ];
  for (const [name, dumped] of rows) {
    await t.step(name, () => {
      const { plan: { mapping, patching, expected }, problems } = plan(dumped);
      assertEquals({ mapping, patching, expected, problems }, {
        mapping: IN_PLACE,
        patching: [],
        expected: [],
        problems: [],
      });
    });
  }
});

Deno.test("planVdso() does nothing for a task without a vdso", () => {
  const { plan: { mapping }, problems } = plan({ mappings: [aMapping(DATA, 1)] });
  assertEquals({ mapping, problems }, { mapping: [], problems: [] });
});

Deno.test("planVdso() puts parts where the task had moved them, and leaves out what it had unmapped", () => {
  const moved = aMapping(0x5000_0000, 1, { protection: 5, content: { kind: "vdso" } });
  assertEquals(plan({ mappings: [moved, data] }).plan.mapping, [
    { kind: "map-vdso", start: ASIDE, isCompat: false },
    { kind: "move", start: ASIDE, size: 2 * PAGE, to: DATA },
    { kind: "move", start: ASIDE + 2 * PAGE, size: PAGE, to: DATA + 2 * PAGE },
    { kind: "move", start: ASIDE + 3 * PAGE, size: PAGE, to: 0x5000_0000 },
  ]);
  assertEquals(plan({ mappings: [code] }).plan.mapping, [
    { kind: "map-vdso", start: ASIDE, isCompat: false },
    { kind: "unmap", start: ASIDE, size: 2 * PAGE },
    { kind: "unmap", start: ASIDE + 2 * PAGE, size: PAGE },
    { kind: "move", start: ASIDE + 3 * PAGE, size: PAGE, to: CODE },
  ]);
});

/** Where jumps go, and which system calls are made, by the address at which they are written. */
function describePatches(steps: readonly MemoryStep[]): Record<string, string> {
  return Object.fromEntries(steps.flatMap((step) => {
    if (step.kind !== "write" || step.bytes.length > 12) return [];
    const view = new DataView(step.bytes.buffer);
    const what = step.bytes.length === 12
      ? `jump ${view.getBigUint64(2, true).toString(16)}`
      : `call ${view.getUint32(1, true)}`;
    return [[step.start.toString(16), what]];
  }));
}

Deno.test("planVdso() redirects the functions of another kernel's", async (t) => {
  const moved = FUNCTIONS.map((one) => one.name === "__vdso_time" ? { ...one, offset: 0xa00 } : one);
  const { plan: { space, mapping, patching, expected }, problems } = plan({
    bytes: buildVdso([...moved, { name: "__vdso_getcpu", offset: 0xb00, size: 8 }]),
  });
  const own = ASIDE + 3 * PAGE;
  await t.step("to this kernel's, or to system calls", () => {
    assertEquals(problems, []);
    assertEquals(describePatches(patching), {
      [(CODE + 0x800).toString(16)]: `jump ${(own + 0x800).toString(16)}`,
      [(CODE + 0xa00).toString(16)]: `jump ${(own + 0x900).toString(16)}`,
      [(CODE + 0xb00).toString(16)]: "call 309",
    });
  });
  await t.step("which is mapped aside", () => {
    assertEquals(mapping, [{ kind: "map-vdso", start: ASIDE, isCompat: false }]);
    assertEquals(expected.map(({ start, end, access, name }) => [start, end, access, name]), [
      [ASIDE, ASIDE + 2 * PAGE, "r--p", ""],
      [ASIDE + 2 * PAGE, own, "r--p", ""],
      [own, own + PAGE, "r-xp", "[vdso]"],
    ]);
  });
  await t.step("while the dumped one becomes ordinary memory", () => {
    assertEquals(space.mappings.map(({ content }) => content.kind), ["anonymous", "anonymous"]);
  });
  await t.step("and what CRIU looks for is in front of this kernel's", () => {
    const mark = patching.find((step) => step.kind === "write" && step.start === own);
    const words = mark?.kind === "write" ? [...new BigUint64Array(mark.bytes.buffer)] : [];
    const signature = new TextDecoder().decode(new BigUint64Array(words.slice(0, 1)));
    assertEquals([signature, ...words.slice(1)], ["CRIUvDSO", BigInt(CODE), 3n, BigInt(DATA), BigInt(ASIDE)]);
  });
});

Deno.test("planVdso() redirects where code, or the way from it to its data, is another one", async (t) => {
  const rows: readonly (readonly [name: string, dumped: Dumped])[] = [
    ["a thread is in other code", { bytes: OTHER_CODE, instructions: [CODE + 0x850] }],
    ["there is less data", { mappings: [aMapping(DATA + PAGE, 2, { content: { kind: "vvar" } }), code] }],
    ["code of another kernel comes first", {
      bytes: OTHER_CODE,
      mappings: [code, aMapping(CODE + PAGE, 3, { content: { kind: "vvar" } })],
    }],
  ];
  for (const [name, dumped] of rows) {
    await t.step(name, () => {
      const { plan: { mapping, patching }, problems } = plan(dumped);
      assertEquals({ mapping, problems }, {
        mapping: [{ kind: "map-vdso", start: ASIDE, isCompat: false }],
        problems: [],
      });
      assertEqual(patching.length > 0, true);
    });
  }
});

Deno.test("planVdso() maps the vdso of 32 bits for programs of 32 bits, and jumps without a register", () => {
  const compat = [...FUNCTIONS, { name: "__kernel_vsyscall", offset: 0xa00, size: 20 }];
  const vdso = { ...HOST, code: buildVdso(compat, { isCompat: true }) };
  const { plan: inPlace } = plan({ vdso, bytes: vdso.code, isCompat: true });
  assertEquals(inPlace.mapping, [{ kind: "map-vdso", start: DATA, isCompat: true }]);
  const others = [
    { name: "__kernel_vsyscall", offset: 0xb00, size: 20 },
    { name: "__vdso_getcpu", offset: 0xc00, size: 40 },
    { name: "gone", offset: 0xd00, size: 20 },
  ];
  const { plan: redirected, problems } = plan({
    ...{ vdso, bytes: buildVdso(others, { isCompat: true }), isCompat: true },
    // Whoever waits in a call goes on in the dumped code.
    instructions: [CODE + 0xb10],
  });
  assertEquals([redirected.mapping, problems], [[{ kind: "map-vdso", start: ASIDE, isCompat: true }], []]);
  const reach = ASIDE + 3 * PAGE + 0xa00 - (CODE + 0xb00 + 5) | 0;
  const patches = redirected.patching.flatMap((step) =>
    step.kind === "write" ? [[step.start, step.bytes.toHex()]] : []
  );
  assertEquals(patches.slice(0, 2), [
    [CODE + 0xb00, `e9${new Uint8Array(Int32Array.of(reach).buffer).toHex()}`],
    [CODE + 0xc00, "538b5c24088b4c240c8b542410b83e010000cd805bc3"],
  ]);
  // The mark is no patch.
  assertEqual(patches.length, 3);
});

Deno.test("what takes the place of functions of 32 bits is what it assembles to", async () => {
  const call = ["push ebx", "mov ebx, [esp+8]", "mov ecx, [esp+12]", "mov edx, [esp+16]", "mov eax, 318", "int 0x80"];
  const assembled = await assemble([...call, "pop ebx", "ret"], { bits: 32 });
  assertEqual(COMPAT_STUBS.get("__vdso_getcpu")?.toHex(), assembled);
  assertEqual(compatJump(0x1000, 0x2005).toHex(), "e900100000");
});

Deno.test("planVdso() tells what it cannot do", async (t) => {
  const small = FUNCTIONS.map((one) => one.name === "__vdso_time" ? { ...one, offset: 0xa00, size: 11 } : one);
  const rows: readonly (readonly [name: string, dumped: Dumped, problem: string])[] = [
    ["no vdso here", { vdso: undefined }, "this kernel does not map one"],
    ["no room", { mappings: [data], aside: undefined }, "no addresses are free for this kernel's"],
    [
      "no room for another one",
      { bytes: buildVdso(small), aside: undefined },
      "no addresses are free for this kernel's",
    ],
    ["no pages", { bytes: new Uint8Array(0) }, "the images do not have its pages"],
    ["no functions", { bytes: new Uint8Array(PAGE) }, "its functions cannot be found in its pages"],
    [
      "a small function",
      { bytes: buildVdso(small) },
      "its function __vdso_time has no room for a jump to this kernel's",
    ],
    [
      "a thread in the way",
      { bytes: OTHER_CODE, instructions: [CODE + 0x804] },
      "a thread was at the beginning of its function __vdso_clock_gettime, where there will be a jump to this kernel's",
    ],
  ];
  for (const [name, dumped, problem] of rows) {
    await t.step(name, () => assertEquals(plan(dumped).problems, [problem]));
  }
});
