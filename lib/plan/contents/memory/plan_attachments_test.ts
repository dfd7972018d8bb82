import assert from "node:assert/strict";
import type { Mapping } from "../../../model/address_space.ts";
import { aSegment } from "../../../../tests/support/ipc_objects.ts";
import { attachmentProblems, planAttachments } from "./plan_attachments.ts";

const PAGE = 4096;
const GIB = 2 ** 30;
const READ = 1;
const READ_WRITE = 3;

/** So many pages from `start` on, numbers of pages, of the segment 3. */
function part(start: number, pages: number, options: Partial<Mapping> & { page?: number; isReadOnly?: boolean } = {}) {
  const { page = 0, isReadOnly = false, ...rest } = options;
  const mapping: Mapping = {
    start: start * PAGE,
    end: (start + pages) * PAGE,
    protection: isReadOnly ? READ : READ_WRITE,
    content: { kind: "sysv", id: 3, offset: page * PAGE, isReadOnly },
    flags: 0,
    advice: [],
    ...rest,
  };
  return mapping;
}

/** Steps with numbers of pages. */
function planned(mappings: readonly Mapping[], segment = aSegment({ size: 4 * PAGE })): string[] {
  const context = { systemSegments: new Map([[3, segment]]), free: { scratch: 1000 * PAGE } };
  return planAttachments(mappings, context).map((step) => {
    switch (step.kind) {
      case "attach":
        return `attach at ${step.start / PAGE}${step.isReadOnly ? " for reading" : ""}`;
      case "move":
        return `move ${step.size / PAGE} from ${step.start / PAGE} to ${step.to / PAGE}`;
      case "unmap":
        return `unmap ${step.size / PAGE} at ${step.start / PAGE}`;
      case "protect":
        return `protect ${step.size / PAGE} at ${step.start / PAGE} ${step.protection}`;
      default:
        return step.kind;
    }
  });
}

Deno.test("planAttachments() moves parts to where they belong", async (t) => {
  const rows: { name: string; mappings: Mapping[]; want: string[] }[] = [
    { name: "whole", mappings: [part(10, 4)], want: ["attach at 10"] },
    {
      name: "for reading",
      mappings: [part(10, 4, { isReadOnly: true })],
      want: ["attach at 10 for reading"],
    },
    {
      name: "parts of it are left",
      mappings: [part(11, 1, { page: 1 }), part(13, 1, { page: 3 })],
      want: [
        "attach at 1000",
        "unmap 1 at 1000",
        "move 1 from 1001 to 11",
        "unmap 1 at 1002",
        "move 1 from 1003 to 13",
      ],
    },
    {
      name: "the end is missing",
      mappings: [part(10, 1)],
      want: ["attach at 1000", "move 1 from 1000 to 10", "unmap 3 at 1001"],
    },
    {
      name: "parts differ",
      mappings: [part(10, 2, { protection: READ }), part(12, 2, { page: 2 })],
      want: ["attach at 1000", "move 2 from 1000 to 10", "protect 2 at 10 1", "move 2 from 1002 to 12"],
    },
    {
      name: "twice, one between the parts of the other",
      mappings: [part(10, 1), part(11, 1, { page: 0 }), part(13, 1, { page: 3 })],
      want: [
        ...["attach at 1000", "move 1 from 1000 to 10", "unmap 2 at 1001", "move 1 from 1003 to 13"],
        ...["attach at 1000", "move 1 from 1000 to 11", "unmap 3 at 1001"],
      ],
    },
    { name: "none", mappings: [{ ...part(10, 1), content: { kind: "anonymous" } }], want: [] },
  ];
  for (const { name, mappings, want } of rows) await t.step(name, () => assert.deepEqual(planned(mappings), want));
});

Deno.test("planAttachments() knows that huge pages are attached as a whole", () => {
  const [SHM_HUGETLB, HUGE_2MB] = [0o4000, 21 << 26];
  for (const hugeFlags of [SHM_HUGETLB, SHM_HUGETLB | HUGE_2MB]) {
    assert.deepEqual(planned([part(512, 512)], aSegment({ size: 1, hugeFlags })), ["attach at 512"]);
    assert.deepEqual(planned([part(512, 256)], aSegment({ size: 1, hugeFlags })), [
      "attach at 1000",
      "move 256 from 1000 to 512",
      "unmap 256 at 1256",
    ]);
  }
});

Deno.test("planAttachments() attaches what is too large for another place where it belongs", () => {
  const half = GIB / PAGE;
  const mappings = [part(half, half), part(2 * half, half, { page: half, protection: READ })];
  assert.deepEqual(planned(mappings, aSegment({ size: 2 * GIB })), [
    `attach at ${half}`,
    `protect ${half} at ${2 * half} 1`,
  ]);
});

Deno.test("attachmentProblems() finds what cannot be attached", async (t) => {
  const systemSegments = new Map([[3, aSegment({ size: 2 * PAGE + 1 })], [5, aSegment({ id: 5, size: 2 * GIB })]]);
  const ofSegment = (id: number) => ({ kind: "sysv", id, offset: 0, isReadOnly: false }) as const;
  const rows: { name: string; mapping: Mapping; want: string[] }[] = [
    { name: "all of a segment", mapping: part(10, 3), want: [] },
    {
      name: "beyond its end",
      mapping: part(10, 3, { page: 1 }),
      want: ["it is a part of the System V shared memory 3, which is smaller"],
    },
    {
      name: "none of the checkpoint",
      mapping: { ...part(10, 1), content: ofSegment(4) },
      want: ["it is the System V shared memory 4, which is not in the checkpoint"],
    },
    {
      name: "a part of a large one",
      mapping: { ...part(10, 1), content: ofSegment(5) },
      want: ["it is a part of the System V shared memory 5, which is larger than 1 GiB"],
    },
    { name: "other memory", mapping: { ...part(10, 1), content: { kind: "anonymous" } }, want: [] },
  ];
  for (const { name, mapping, want } of rows) {
    await t.step(name, () => {
      assert.deepEqual(attachmentProblems([mapping], systemSegments).map(({ what }) => what), want);
    });
  }
});
