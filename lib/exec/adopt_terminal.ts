import type { TerminalAdoption } from "../plan/contents/terminals_plan.ts";
import {
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  TCGETS,
  TCSETS,
  TIOCEXCL,
  TIOCGEXCL,
  TIOCGLCKTRMIOS,
  TIOCGPGRP,
  TIOCGWINSZ,
  TIOCNXCL,
  TIOCSLCKTRMIOS,
  TIOCSPGRP,
  TIOCSWINSZ,
} from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import type { Journal } from "./journal.ts";
import { encodeMode, encodeSize, MODE_SIZE } from "./terminal_structs.ts";

export interface AdoptionContext {
  readonly sys: Sys;
  readonly journal: Journal;
  /** Pid of a task on this host. */
  readonly hostPid: (id: number) => number;
}

/** All that is set of a terminal, as the kernel has it. */
interface TerminalState {
  readonly mode: Bytes;
  readonly locked: Bytes;
  readonly size: Bytes;
  readonly isExclusive: boolean;
  /** Absent: not touched. */
  readonly foreground?: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

const SIZE_SIZE = 8;

/**
 * Gives a terminal of this host what a dumped one had. SIGTTOU is ignored before: the terminal may be that of cgrestore,
 * which is in its background then.
 */
export function adoptTerminal({ sys, journal, hostPid }: AdoptionContext, adoption: TerminalAdoption): void {
  const { by, what, settings, isExclusive, foreground } = adoption;
  const before = withTerminal(sys, by, (fd) => readState(sys, fd, foreground !== undefined));
  journal.add(`the state of ${what}`, () => withTerminal(sys, by, (fd) => writeState(sys, fd, before)));
  withTerminal(sys, by, (fd) => (
    writeState(sys, fd, {
      mode: encodeMode(settings.mode),
      locked: encodeMode(settings.locked),
      size: encodeSize(settings.size),
      isExclusive,
      ...foreground === undefined ? {} : { foreground: hostPid(foreground) },
    })
  ));
}

function withTerminal<T>(sys: Sys, by: number | string, action: (fd: number) => T): T {
  if (typeof by === "number") return action(by);
  const fd = sys.open(by, O_RDWR | O_NOCTTY | O_NONBLOCK);
  try {
    return action(fd);
  } finally {
    sys.close(fd);
  }
}

function readState(sys: Sys, fd: number, withForeground: boolean): TerminalState {
  const read = (request: number, size: number) => {
    const answer = bytes(size);
    sys.ioctl(fd, request, answer);
    return answer;
  };
  return {
    mode: read(TCGETS, MODE_SIZE),
    locked: read(TIOCGLCKTRMIOS, MODE_SIZE),
    size: read(TIOCGWINSZ, SIZE_SIZE),
    isExclusive: numberOf(read(TIOCGEXCL, 4)) !== 0,
    ...withForeground ? { foreground: numberOf(read(TIOCGPGRP, 4)) } : {},
  };
}

/** Only what differs: some of it needs a privilege, or is more than a number for a real terminal. */
function writeState(sys: Sys, fd: number, wanted: TerminalState): void {
  const found = readState(sys, fd, wanted.foreground !== undefined);
  const isOpen = found.locked.every((byte) => byte === 0);
  const needsOpening = !isOpen && !isSame(found.mode, wanted.mode);
  if (needsOpening) sys.ioctl(fd, TIOCSLCKTRMIOS, bytes(MODE_SIZE));
  if (!isSame(found.mode, wanted.mode)) sys.ioctl(fd, TCSETS, wanted.mode);
  if (needsOpening || !isSame(found.locked, wanted.locked)) sys.ioctl(fd, TIOCSLCKTRMIOS, wanted.locked);
  if (!isSame(found.size, wanted.size)) sys.ioctl(fd, TIOCSWINSZ, wanted.size);
  if (found.isExclusive !== wanted.isExclusive) sys.ioctl(fd, wanted.isExclusive ? TIOCEXCL : TIOCNXCL, bytes(0));
  if (wanted.foreground === undefined || wanted.foreground === found.foreground) return;
  sys.ioctl(fd, TIOCSPGRP, new Uint8Array(Uint32Array.of(wanted.foreground).buffer));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, index) => byte === other[index]);
}

function numberOf(answer: Bytes): number {
  return new DataView(answer.buffer).getInt32(0, true);
}

function bytes(size: number): Bytes {
  return new Uint8Array(new ArrayBuffer(size));
}
