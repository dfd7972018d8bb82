import { equal as assertEqual } from "node:assert/strict";
import { aMapping, aRun, aSpace } from "../../../../tests/support/build_space.ts";
import type { Mapping, PageRun } from "../../../model/address_space.ts";
import { mlockTime, planMlock } from "./plan_mlock.ts";

const MAP_LOCKED = 0x2000;
const START = 0x10_0000;

const TIMES: readonly (readonly [name: string, mapping: Partial<Mapping>, hasPages: boolean, time: string])[] = [
  ["what is not locked", {}, true, "never"],
  ["readable memory", { flags: MAP_LOCKED, protection: 1 }, true, "at-last"],
  ["closed memory without pages", { flags: MAP_LOCKED, protection: 0 }, false, "when-mapped"],
  ["closed memory with pages", { flags: MAP_LOCKED, protection: 0 }, true, "when-filled"],
];

Deno.test("mlockTime() avoids what mlock(2) refuses", async (t) => {
  for (const [name, mapping, hasPages, time] of TIMES) {
    await t.step(name, () => assertEqual(mlockTime(aMapping(START, 4, mapping), hasPages), time));
  }
});

interface Row {
  readonly name: string;
  readonly mapping?: Partial<Mapping>;
  readonly pages?: readonly PageRun[];
  readonly guarded?: boolean;
  readonly shared?: readonly PageRun[];
  readonly fileSize?: number;
  readonly onFault: boolean;
}

const file = { kind: "file", file: 1, offset: 0x1000, isShared: false, openFlags: 0 } as const;

const ROWS: readonly Row[] = [
  { name: "every page is there", pages: [aRun(START, 2), aRun(START + 0x2000, 2)], onFault: false },
  { name: "a page is missing", pages: [aRun(START, 3)], onFault: true },
  { name: "memory that cannot be written gets no pages", mapping: { protection: 1 }, onFault: false },
  { name: "a guard is in it", pages: [aRun(START, 4)], guarded: true, onFault: true },
  { name: "a segment that is whole", shared: [aRun(0x1000, 4)], mapping: { content: file }, onFault: false },
  { name: "a segment with a hole", shared: [aRun(0x1000, 3)], mapping: { content: file }, onFault: true },
  { name: "a file", mapping: { content: file, protection: 1 }, fileSize: 0x4001, onFault: false },
  { name: "more than the file has", mapping: { content: file, protection: 1 }, fileSize: 0x4000, onFault: true },
  {
    name: "pages of a file that are the task's own",
    mapping: { content: file },
    pages: [aRun(START, 1)],
    onFault: true,
  },
  { name: "a shared file", mapping: { content: { ...file, isShared: true } }, fileSize: 0x5000, onFault: false },
];

Deno.test("planMlock() sees from what is missing whether pages are locked as they come", async (t) => {
  for (const { name, mapping, pages = [], guarded = false, shared, fileSize, onFault } of ROWS) {
    await t.step(name, () => {
      const guards = guarded ? [{ start: START + 0x1000, end: START + 0x2000 }] : [];
      const step = planMlock(aMapping(START, 4, mapping), { space: aSpace({ pages, guards }), shared, fileSize });
      assertEqual(step.onFault, onFault);
    });
  }
});
