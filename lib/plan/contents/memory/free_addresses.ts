import { type AddressSpace, PAGE_SIZE, type Range } from "../../../model/address_space.ts";

/** Addresses that no task uses. */
export interface FreeAddresses extends Range {
  /** Of `WINDOW` bytes, at a multiple of them, in which things are mapped for a while. */
  readonly scratch: number;
  /** Behind all that is ours, for what a task keeps. */
  readonly kept: number;
}

/** As large as the largest huge pages of x86-64, which can only be mapped at multiples of their size. */
export const WINDOW = 2 ** 30;

/** For the agent, and for all the tables that it runs. */
const AGENT_SIZE = 2 ** 30;
/** Addresses are looked at in blocks; a block has room for all that is needed. */
const BLOCK = 2 ** 32;
/** Tasks have 47 bits of addresses (Documentation/arch/x86/x86_64/mm.rst). */
const BLOCKS = 2 ** 47 / BLOCK;

/** Of the window of `findLowAddresses`. */
const LOW_WINDOW = 2 ** 20;
/** Above all that `vm.mmap_min_addr` keeps free. */
const LOW_START = 2 ** 20;

/** Addresses that a task does not use, and that code of 32 bits can have. */
export interface LowAddresses {
  /** Of a page, for what system calls point to. */
  readonly page: number;
  /** What a task keeps may be mapped from here on; its size is less than 1 MiB. */
  readonly kept: number;
}

/** The lowest that are free below 4 GiB in one task; `undefined` when there are none. */
export function findLowAddresses({ mappings }: Pick<AddressSpace, "mappings">): LowAddresses | undefined {
  let page = LOW_START;
  for (const { start, end } of mappings) {
    if (start >= page + LOW_WINDOW) break;
    page = Math.max(page, end);
  }
  return page + LOW_WINDOW > BLOCK ? undefined : { page, kept: page + PAGE_SIZE };
}

/** The lowest block of addresses in which no task has anything; `undefined` when there is none. */
export function findFreeAddresses(spaces: Iterable<AddressSpace>): FreeAddresses | undefined {
  const taken = new Uint8Array(BLOCKS);
  // Programs that are not position-independent, and what the kernel keeps for itself.
  taken[0] = 1;
  for (const { mappings } of spaces) {
    for (const { start, end } of mappings) taken.fill(1, Math.floor(start / BLOCK), Math.ceil(end / BLOCK));
  }
  const block = taken.indexOf(0);
  if (block === -1) return undefined;
  const start = block * BLOCK;
  const end = start + AGENT_SIZE + WINDOW;
  return { start, end, scratch: start + AGENT_SIZE, kept: end + WINDOW };
}
