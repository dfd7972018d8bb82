import { deepEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { DenoFilesSys } from "../../../tests/support/deno_files_sys.ts";
import { SysError } from "../../errors.ts";
import { PAGE_SIZE, type PageRun } from "../../model/address_space.ts";
import { PageComparison } from "./page_comparison.ts";

const START = 0x10_0000;
const READ_WRITE = 3;
/** More than is read at once. */
const COUNT = 600;

interface Files {
  /** Pages of the task that have another byte than those of its maker. */
  readonly differing?: readonly number[];
  /** How many pages the file of the task has. */
  readonly count?: number;
  readonly own?: readonly PageRun[];
  readonly inherited?: readonly PageRun[];
}

/** Each page has its number in it. */
function pagesOf(count: number, differing: readonly number[] = []): Uint8Array {
  const pages = new Uint32Array(count * PAGE_SIZE / 4);
  for (let page = 0; page < count; page++) pages[page * PAGE_SIZE / 4] = page + 1;
  for (const page of differing) pages[(page + 1) * PAGE_SIZE / 4 - 1] = 7;
  return new Uint8Array(pages.buffer);
}

function run(file: string, first: number, count: number): PageRun {
  return { file, address: START + first * PAGE_SIZE, offset: first * PAGE_SIZE, count };
}

/** What is to be done, with numbers of pages in place of addresses. */
function resolve({ differing = [], count = COUNT, own, inherited }: Files): string[] {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-pages-" });
  const [mine, makers] = [`${directory}/pages-2.img`, `${directory}/pages-1.img`];
  const files = new DenoFilesSys();
  const named = (runs: readonly PageRun[]) => runs.map((one) => ({ ...one, file: `${directory}/${one.file}` }));
  try {
    Deno.writeFileSync(mine, pagesOf(count, differing));
    Deno.writeFileSync(makers, pagesOf(COUNT));
    const steps = new PageComparison(files.sys).resolve({
      kind: "inherit",
      start: START,
      size: COUNT * PAGE_SIZE,
      protection: READ_WRITE,
      inheritedProtection: READ_WRITE,
      pages: named(own ?? [run("pages-2.img", 0, COUNT)]),
      inheritedPages: named(inherited ?? [run("pages-1.img", 0, COUNT)]),
    });
    const page = (address: number) => (address - START) / PAGE_SIZE;
    return steps.flatMap((step) => {
      if (step.kind === "fill") return pairs(step.ranges).map(([at, size]) => `fill ${page(at)}+${size / PAGE_SIZE}`);
      return "start" in step && "size" in step ? [`${step.kind} ${page(step.start)}+${step.size / PAGE_SIZE}`] : [];
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
    assertEquals(files.left, []);
  }
}

function pairs(numbers: readonly number[]): [number, number][] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

Deno.test("PageComparison finds the pages that differ", async (t) => {
  const rows: readonly (readonly [name: string, files: Files, expected: readonly string[]])[] = [
    ["none", {}, []],
    ["in all that is read at once", { differing: [0, 1, 255, 256, 257, 599] }, [
      ...["fill 0+2", "fill 255+3", "fill 599+1"],
    ]],
    ["what the maker does not have", { inherited: [run("pages-1.img", 2, 3)] }, ["fill 0+2", "fill 5+595"]],
    ["what only the maker has", { own: [run("pages-2.img", 0, 10)] }, ["advise 10+590"]],
    ["backwards in a file", {
      own: [{ ...run("pages-2.img", 0, 1), offset: 590 * PAGE_SIZE }, { ...run("pages-2.img", 1, 1) }],
      inherited: [run("pages-1.img", 0, 2)],
    }, ["fill 0+1"]],
    ["of a file that is too short, all that are missing", { count: 598 }, ["fill 598+2"]],
  ];
  for (const [name, files, expected] of rows) await t.step(name, () => assertEquals(resolve(files), expected));
});

Deno.test("PageComparison fails when a file is not there", () => {
  assertThrows(() => resolve({ own: [run("pages-3.img", 0, 1)] }), (error) => {
    return error instanceof SysError && error.code === "ENOENT";
  });
});
