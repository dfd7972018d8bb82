import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../errors.ts";
import type { PagemapEntry } from "../gen/pagemap.ts";
import type { Pagemap } from "../image/content_images.ts";
import { PAGE_SIZE } from "./address_space.ts";
import { buildPages, cut, hasRun } from "./build_pages.ts";

const START = 0x10_0000;
const IN_PARENT = 1;
const LAZY = 2;
const PRESENT = 4;

/** An entry for pages from page `first` on. */
function entry(first: number, count: number, flags: number | undefined): PagemapEntry {
  return {
    vaddr: START + first * PAGE_SIZE,
    compatNrPages: count,
    inParent: undefined,
    flags,
    nrPages: undefined,
  };
}

function pagemap(name: string, entries: readonly PagemapEntry[], parent?: Pagemap): Pagemap {
  return { name, pagesFile: `${name}/pages-1.img`, pagesSize: 2 ** 30, entries, parent };
}

/** Runs as `FILE:OFFSET` of their first pages, both in pages. */
function build(map: Pagemap): { runs: string[]; problems: string[] } {
  const problems: Problem[] = [];
  const runs = buildPages(map, problems).map(({ address, count, file, offset }) => (
    `${(address - START) / PAGE_SIZE}+${count} ${file.split("/")[0]}:${offset / PAGE_SIZE}`
  ));
  return { runs, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildPages() takes pages that follow each other as one run", () => {
  const { runs, problems } = build(pagemap("a", [entry(0, 2, PRESENT), entry(2, 1, PRESENT), entry(5, 1, PRESENT)]));
  assertEquals({ runs, problems }, { runs: ["0+3 a:0", "5+1 a:3"], problems: [] });
});

Deno.test("buildPages() reads entries of old dumps, and of very large ones", () => {
  const old = { ...entry(0, 1, undefined), inParent: false };
  const large = { ...entry(4, 1, PRESENT), nrPages: 3 };
  assertEquals(build(pagemap("a", [old, large])).runs, ["0+1 a:0", "4+3 a:1"]);
});

Deno.test("buildPages() finds pages in a chain of checkpoints, the newest of each", () => {
  const oldest = pagemap("c", [entry(0, 8, PRESENT)]);
  const middle = pagemap("b", [entry(0, 2, IN_PARENT), entry(2, 2, PRESENT), entry(4, 4, IN_PARENT)], oldest);
  const newest = pagemap("a", [entry(0, 1, PRESENT), entry(1, 4, IN_PARENT), entry(6, 1, IN_PARENT)], middle);
  const { runs, problems } = build(newest);
  assertEquals({ runs, problems }, { runs: ["0+1 a:0", "1+1 c:1", "2+2 b:0", "4+1 c:4", "6+1 c:6"], problems: [] });
});

Deno.test("buildPages() tells what is wrong", async (t) => {
  const middle = pagemap("b", [entry(0, 1, PRESENT)]);
  const rows: readonly (readonly [name: string, map: Pagemap, problem: string])[] = [
    [
      "pages that nobody has",
      pagemap("a", [entry(0, 3, IN_PARENT)], middle),
      "a, entry 1: 2 of its pages are in no parent checkpoint",
    ],
    [
      "no parent",
      pagemap("a", [entry(0, 3, IN_PARENT)]),
      "a, entry 1: 3 of its pages are in no parent checkpoint",
    ],
    ["lazy pages", pagemap("a", [entry(0, 1, LAZY)]), "a, entry 1: its pages are on a page server (lazy pages)"],
    [
      "half a page",
      pagemap("a", [{ ...entry(0, 1, PRESENT), vaddr: START + 1 }]),
      "a, entry 1: its address 0x100001 is not that of a page",
    ],
    [
      "the wrong order",
      pagemap("a", [entry(1, 1, PRESENT), entry(0, 1, PRESENT)]),
      "a, entry 2: its address 0x100000 is within or before the entry before it",
    ],
    [
      "more than there can be",
      pagemap("a", [{ ...entry(0, 1, PRESENT), nrPages: 2 ** 36 }]),
      "a, entry 1: it has 68719476736 pages, which is more than there can be",
    ],
    [
      "a file that is too short",
      { ...pagemap("a", [entry(0, 2, PRESENT)]), pagesSize: 8191 },
      "a, entry 1: its pages end at byte 8192 of pages-1.img, which has 8191",
    ],
  ];
  for (const [name, map, problem] of rows) await t.step(name, () => assertEquals(build(map).problems, [problem]));
});

Deno.test("cut() takes parts of runs, and hasRun() says whether there are any", () => {
  const runs = buildPages(pagemap("a", [entry(0, 4, PRESENT), entry(8, 4, PRESENT)]), []);
  const page = (number: number) => START + number * PAGE_SIZE;
  assertEquals(cut(runs, page(2), page(9)).map(({ address, count, offset }) => [address, count, offset / PAGE_SIZE]), [
    [page(2), 2, 2],
    [page(8), 1, 4],
  ]);
  assertEquals(cut(runs, page(4), page(8)), []);
  assertEquals(cut(runs, page(12), page(13)), []);
  for (const [start, end, expected] of [[2, 9, true], [4, 8, false], [12, 13, false]] as const) {
    assertEquals(hasRun(runs, page(start), page(end)), expected);
  }
});
