import type { Problem } from "../../../errors.ts";
import type { HostMemory } from "../../../host/host.ts";
import { type AddressSpace, PAGE_SIZE, type Ring } from "../../../model/address_space.ts";
import { cut } from "../../../model/build_pages.ts";
import type { FillStep } from "../contents_plan.ts";
import { ringKey } from "./memory_questions.ts";
import { planFills } from "../plan_memory.ts";

/** io_setup(2), with events that have come before. */
export interface RingStep extends Ring {
  /** Events that have come and gone. */
  readonly past: number;
  /** Events that have come and are waiting. */
  readonly waiting: number;
  /** Reads the events, to where the kernel has put the ring: addresses are offsets in it. */
  readonly fills: readonly FillStep[];
}

/** What planning rings has to know. */
export interface RingQuestions {
  readonly pid: number;
  readonly host: Pick<HostMemory, "pages" | "processors">;
  readonly problems: Problem[];
}

/** `struct aio_ring` (fs/aio.c), and `struct io_event`. */
const HEADER_SIZE = 32;
const RING_NUMBER = 0;
const RING_SIZE = 4;
const RING_HEAD = 8;
const RING_TAIL = 12;
const RING_MAGIC = 16;
const MAGIC = 0xa10a_10a1;
const EVENT_SIZE = 32;

/**
 * Plans the contexts of asynchronous requests, in the order in which the kernel numbers them. What had been asked for
 * is done: the images have no requests under way.
 */
export function planRings(space: AddressSpace, { pid, host, problems }: RingQuestions): RingStep[] {
  const steps = space.rings.flatMap((ring): Numbered[] => {
    const refuse = (what: string) => {
      problems.push({ where: `task ${pid}, ring of events at ${ring.address.toString(16)}`, what });
      return [];
    };
    const header = readHeader(host.pages.get(ringKey(pid, ring.address)));
    if (header === undefined) return refuse("the images do not have its pages");
    const { number, capacity, head, tail, magic } = header;
    const isSound = magic === MAGIC && capacity === capacityOf(ring.size) && head < capacity && tail < capacity;
    if (!isSound) return refuse("its header is damaged");
    const what = sizeProblem(ring, host.processors);
    if (what !== undefined) return refuse(what);
    const waiting = (tail - head + capacity) % capacity;
    return [{ number, step: { ...ring, past: head, waiting, fills: planEvents(space, ring) } }];
  });
  return steps.sort((a, b) => a.number - b.number).map(({ step }) => step);
}

interface Numbered {
  readonly number: number;
  readonly step: RingStep;
}

/** The beginning of a ring; `undefined` when there is none. */
function readHeader(page: Uint8Array | undefined) {
  if (page === undefined || page.length < HEADER_SIZE) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  return {
    number: view.getUint32(RING_NUMBER, true),
    capacity: view.getUint32(RING_SIZE, true),
    head: view.getUint32(RING_HEAD, true),
    tail: view.getUint32(RING_TAIL, true),
    magic: view.getUint32(RING_MAGIC, true),
  };
}

function capacityOf(size: number): number {
  return Math.floor((size - HEADER_SIZE) / EVENT_SIZE);
}

/** The kernel makes a ring for twice as many requests, and for at least 4 of each processor (`ioctx_alloc`, fs/aio.c). */
function sizeProblem({ requests, size }: Ring, processors: number): string | undefined {
  const events = 2 * Math.max(requests, 4 * processors) + 2;
  const made = Math.ceil((HEADER_SIZE + events * EVENT_SIZE) / PAGE_SIZE) * PAGE_SIZE;
  if (made === size) return undefined;
  return `it has ${size} bytes, and would have ${made} on this machine, which can have ${processors} processors`;
}

/** All that is in the ring but its header, which is the kernel's. */
function planEvents({ pages }: AddressSpace, { address, size }: Ring): FillStep[] {
  const runs = cut(pages, address, address + size).map((run) => ({ ...run, address: run.address - address }));
  return planFills(runs).map(({ ranges, offset, ...step }) => {
    const [first, length, ...others] = ranges;
    if (first !== 0 || length === undefined) return { ...step, ranges, offset };
    return { ...step, ranges: [HEADER_SIZE, length - HEADER_SIZE, ...others], offset: offset + HEADER_SIZE };
  });
}
