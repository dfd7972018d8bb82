import type { AddressSpace, Mapping, PageRun } from "../../lib/model/address_space.ts";
import { PAGE_SIZE } from "../../lib/model/address_space.ts";

const PROT_READ_WRITE = 3;

/** An address space that has nothing, but what is given. */
export function aSpace(space: Partial<AddressSpace> = {}): AddressSpace {
  return {
    mappings: [],
    guards: [],
    pages: [],
    layout: {
      ...{ startCode: 0x1000, endCode: 0x2000, startData: 0x3000, endData: 0x4000, startBrk: 0x5000, brk: 0x5000 },
      ...{ startStack: 0x8000, argStart: 0x9000, argEnd: 0x9100, envStart: 0x9100, envEnd: 0x9200 },
    },
    executable: 1,
    auxv: new Uint8Array(new ArrayBuffer(0)),
    hugePagesDisabled: false,
    rings: [],
    ...space,
  };
}

/** A mapping of so many pages; anonymous memory to be read and written, unless told otherwise. */
export function aMapping(start: number, pages: number, mapping: Partial<Mapping> = {}): Mapping {
  const end = start + pages * PAGE_SIZE;
  return { start, end, protection: PROT_READ_WRITE, content: { kind: "anonymous" }, flags: 0, advice: [], ...mapping };
}

/** Pages that are in `pages-1.img` at the same offset as in memory. */
export function aRun(address: number, count: number, run: Partial<PageRun> = {}): PageRun {
  return { address, count, file: "pages-1.img", offset: address, ...run };
}
