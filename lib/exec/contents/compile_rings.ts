import type { FillStep, Handle } from "../../plan/contents/contents_plan.ts";
import type { RingStep } from "../../plan/contents/memory/plan_rings.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { fetch } from "./compile_descriptors.ts";
import { openImage } from "./open_image.ts";
import { type ContentsContext, remoteCall, words } from "./remote.ts";

/** MREMAP_MAYMOVE and MREMAP_FIXED. */
const MREMAP_MOVE = 3;
/** `struct iocb` and `struct io_event` (linux/aio_abi.h). */
const IOCB_SIZE = 64;
const IOCB_OPCODE = 16;
const IOCB_FILE = 20;
const IOCB_CMD_PWRITE = 1;
const EVENT_SIZE = 32;
/** Requests that are made at once: a ring has room for more, whatever the kernel keeps for other processors. */
const CHUNK = 32;
/** Descriptors of a task that has none but ours. */
const NULL_FILE = 0;
const PAGES_FILE = 1;

const SETUP_HINTS = {
  EAGAIN: "more requests than fs.aio-max-nr allows",
  ENOSYS: "this kernel was made without CONFIG_AIO",
};

/** What restoring the rings of a task has to know. */
export interface RingContext extends ContentsContext {
  readonly pid: number;
  /** An open file to which writing does nothing. */
  readonly nullFile: Handle;
}

/** Makes the context of requests; its address is told in `address`. */
export function compileRingSetup(context: RingContext, { requests }: RingStep, address: Uint8Array): RemoteCall[] {
  const attempt = `Cannot make a context of ${requests} requests in task ${context.pid}`;
  return [remoteCall(context, "io_setup", [requests, { output: address }], { attempt, hints: SETUP_HINTS })];
}

/**
 * Gives a new context at `made` the events that there were, and its address. The kernel counts the events itself: so
 * many requests are made that do nothing, and the events of those that were past are taken.
 */
export function compileRing(context: RingContext, ring: RingStep, made: number): RemoteCall[] {
  const { address, size, past, waiting, fills } = ring;
  const attempt = `Cannot restore the ring of events at ${address.toString(16)} of task ${context.pid}`;
  const close = (fd: number) => remoteCall(context, "close", [fd], { attempt });
  const moves = made === address ? [] : [
    remoteCall(context, "mremap", [made, size, size, MREMAP_MOVE, address], { attempt, expected: address }),
  ];
  return [
    fetch(context, context.nullFile, NULL_FILE),
    ...chunksOf(past).flatMap((
      count,
    ) => [submit(context, made, { count, attempt }), take(context, made, { count, attempt })]),
    ...chunksOf(waiting).map((count) => submit(context, made, { count, attempt })),
    ...fills.flatMap((step) => [...readEvents(context, step, { made, attempt }), close(PAGES_FILE)]),
    close(NULL_FILE),
    ...moves,
  ];
}

function chunksOf(total: number): number[] {
  return Array.from({ length: Math.ceil(total / CHUNK) }, (_, index) => Math.min(CHUNK, total - index * CHUNK));
}

interface Requests {
  readonly count: number;
  readonly attempt: string;
}

function submit(context: RingContext, made: number, { count, attempt }: Requests): RemoteCall {
  const request = new Uint8Array(new ArrayBuffer(IOCB_SIZE));
  const view = new DataView(request.buffer);
  view.setUint16(IOCB_OPCODE, IOCB_CMD_PWRITE, true);
  view.setUint32(IOCB_FILE, NULL_FILE, true);
  const pointers = Array.from({ length: count }, (_, index) => [8 * index, request] as const);
  const list = { struct: new Uint8Array(8 * count), pointers };
  return remoteCall(context, "io_submit", [made, count, list], { attempt, expected: count });
}

function take(context: RingContext, made: number, { count, attempt }: Requests): RemoteCall {
  const events = new Uint8Array(EVENT_SIZE * count);
  return remoteCall(context, "io_getevents", [made, count, count, events, 0], { attempt, expected: count });
}

function readEvents(
  context: RingContext,
  { file, offset, ranges }: FillStep,
  { made, attempt }: { readonly made: number; readonly attempt: string },
): RemoteCall[] {
  const vector = words(...ranges.map((number, index) => index % 2 === 0 ? made + number : number));
  const expected = ranges.reduce((sum, number, index) => sum + (index % 2 === 1 ? number : 0), 0);
  return [
    openImage(context, file, { attempt, expected: PAGES_FILE }),
    remoteCall(context, "preadv", [PAGES_FILE, vector, ranges.length / 2, offset, 0], { attempt, expected }),
  ];
}
