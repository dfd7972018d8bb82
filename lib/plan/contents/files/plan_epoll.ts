import type { EpollFile, EpollWatch } from "../../../model/files/event_files.ts";
import { descriptorFiles, descriptorNumbers } from "../../../model/entry_index.ts";
import type { Descriptor } from "../../../model/open_file.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** epoll_create(2) */
export interface EpollStep extends StepBase {
  readonly kind: "make-epoll";
  readonly handle: Handle;
  readonly flags: number;
}

/**
 * epoll_ctl(2) with EPOLL_CTL_ADD. By a task, not by the coordinator: what a signalfd has to tell belongs to the
 * process that watches it.
 */
export interface WatchStep {
  readonly kind: "watch";
  /** Descriptor of the epoll instance. */
  readonly epoll: number;
  /** Descriptor of what is watched. */
  readonly fd: number;
  /** The number by which it is known, where that is no descriptor. */
  readonly number?: number;
  readonly events: number;
  readonly data: bigint;
  /** It has told of an event, and keeps quiet until it is asked again (EPOLLONESHOT). */
  readonly isDisarmed: boolean;
}

const EPOLLWAKEUP = 1 << 29;
const EPOLLONESHOT = 1 << 30;
/** Bits that say how events are told: EPOLLEXCLUSIVE, EPOLLWAKEUP, EPOLLONESHOT and EPOLLET (uapi/linux/eventpoll.h). */
const MANNERS = 0xf000_0000;

/** Its watches are planned when everything that can be watched has been. */
export function planEpoll(planner: FilePlanner, file: EpollFile, holder: string): Handle {
  const { id, flags } = file;
  const handle = planner.fileHandle(id, { link: "anon_inode:[eventpoll]", flags });
  planner.late.push({ kind: "make-epoll", handle, what: "an epoll instance", flags });
  planner.defer(() => planWatches(planner, file, { handle, holder }));
  return handle;
}

/**
 * CRIU writes the numbers of watches so that they are descriptors of the first task that it found the epoll instance
 * in (criu/eventpoll.c).
 */
function planWatches(
  planner: FilePlanner,
  { id, watches }: EpollFile,
  { handle, holder }: { readonly handle: Handle; readonly holder: string },
): void {
  if (watches.length === 0) return;
  const found = findTable(planner, id);
  if (found === undefined) {
    planner.refuse(holder, "its watches cannot be restored: no task has a descriptor of the epoll instance");
    return;
  }
  const steps: WatchStep[] = [];
  const numbers = new WatchNumbers(found.descriptors);
  for (const watch of watches) {
    const target = descriptorNumbers.find(found.descriptors, watch.fd);
    if (target === undefined) planner.refuse(holder, `it watches descriptor ${watch.fd}, which is not open`);
    // What cannot be restored of the target has been told.
    else if (planner.get(fileKey(target.file)) !== undefined) {
      steps.push(planWatch(found.epoll, watch, numbers.choose(target)));
    }
  }
  // Those that keep quiet come first: none of the others can speak while they are made so.
  const inOrder = [...steps.filter(({ isDisarmed }) => isDisarmed), ...steps.filter(({ isDisarmed }) => !isDisarmed)];
  for (const step of inOrder) planner.act(found.table, step);
  planner.expect(handle, { lines: steps.map(expectedLine) });
}

function findTable({ contents }: FilePlanner, file: number) {
  for (const [table, descriptors] of contents.tables) {
    const epoll = descriptorFiles.find(descriptors, file);
    if (epoll !== undefined) return { table, descriptors, epoll: epoll.fd };
  }
  return undefined;
}

function planWatch(
  epoll: number,
  { events, data }: EpollWatch,
  watched: Pick<WatchStep, "fd" | "number">,
): WatchStep {
  const isDisarmed = (events & EPOLLONESHOT) !== 0 && (events & ~MANNERS) === 0;
  return { kind: "watch", epoll, ...watched, events, data, isDisarmed };
}

/**
 * A file can be watched by several numbers, some of which may be something else by now. Then CRIU writes the same one
 * for all of these, the lowest that the file has; the kernel takes each number but once, and tells them in ascending
 * order (fs/eventpoll.c: `ep_cmp_ffd`).
 */
class WatchNumbers {
  readonly #descriptors: readonly Descriptor[];
  readonly #used = new Set<number>();
  #next: number;

  /** @param descriptors in ascending order */
  constructor(descriptors: readonly Descriptor[]) {
    this.#descriptors = descriptors;
    this.#next = 1 + (descriptors.at(-1)?.fd ?? 0);
  }

  /** The descriptor, if its number is still to be had; else another one of the file, or else a number of no file. */
  choose({ fd, file }: Descriptor): Pick<WatchStep, "fd" | "number"> {
    const free = this.#used.has(fd) ? this.#findOther(file) : fd;
    if (free === undefined) return { fd, number: this.#next++ };
    this.#used.add(free);
    return { fd: free };
  }

  #findOther(file: number): number | undefined {
    return this.#descriptors.find((other) => other.file === file && !this.#used.has(other.fd))?.fd;
  }
}

function expectedLine({ fd, number = fd, events, data, isDisarmed }: WatchStep): string {
  // Machines that cannot sleep drop one bit, and EPOLLERR and EPOLLHUP may be told of even by what keeps quiet.
  const isKnown = !isDisarmed && (events & EPOLLWAKEUP) === 0;
  return `tfd: ${number} events: ${isKnown ? events.toString(16) : "*"} data: ${data.toString(16)} *`;
}
