import type { AddressSpace, Range } from "../../../model/address_space.ts";

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
