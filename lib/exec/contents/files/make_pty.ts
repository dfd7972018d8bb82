import type { TerminalMode } from "../../../model/files/terminal_file.ts";
import type { PtyStep } from "../../../plan/contents/files/plan_pty.ts";
import {
  TCGETS,
  TCSETS,
  TIOCEXCL,
  TIOCGPTPEER,
  TIOCGWINSZ,
  TIOCPKT,
  TIOCSLCKTRMIOS,
  TIOCSPTLCK,
  TIOCSTI,
  TIOCSWINSZ,
} from "../../../sys/constants.ts";
import type { RemoteArgument, RemoteCall } from "../../../tracee/remote_call.ts";
import { encodeMode, encodeSize } from "../../terminal_structs.ts";
import { descriptorOf, integers, remoteCall } from "../remote.ts";
import { close, create, type FilesContext } from "./file_calls.ts";

const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;
/** Lines are read as a whole, and can be edited before. */
const ICANON = 0o2;
const IEXTEN = 0o100000;
/** Where the special characters are among each other (asm-generic/termbits.h). */
const VEOF = 4;
const VEOL = 11;
const VEOL2 = 16;
const NEWLINE = 10;

/** So many bytes are in the queue of a reader; the kernel keeps some more that it has not looked at (`N_TTY_BUF_SIZE`). */
const QUEUE_SIZE = 4095;

/** The master is open. */
export function makePty(context: FilesContext, step: PtyStep): RemoteCall[] {
  const { what, slaves, settings } = step;
  const master = descriptorOf(context, step.master);
  const make = (isOurs: true | undefined): Pty["call"] => (fd, request, argument, attempt = `Cannot make ${what}`) => (
    remoteCall(context, "ioctl", [fd, request, argument], { attempt, hints: HINTS, isOurs })
  );
  const slave = firstSlave(context, step);
  const [call, callOurselves] = [make(undefined), make(true)];
  const pty: Pty = { context, step, master, slave, call, callOurselves };
  return [
    call(master, TIOCSPTLCK, integers(0)),
    ...slaves.flatMap(({ handle, flags }) => create(context, handle, (fd) => [openSlave(pty, flags, fd)])),
    ...setFile(pty),
    ...fillQueues(pty),
    ...settings === undefined ? [close(context, master)] : [...setMode(pty), ...setSwitches(pty)],
  ];
}

const HINTS = {
  EPERM: "that needs CAP_SYS_ADMIN",
  EIO: "the kernel refuses TIOCSTI: that needs CAP_SYS_ADMIN",
  EPROTO: "the kernel has made something else of it",
};

interface Pty {
  readonly context: FilesContext;
  readonly step: PtyStep;
  /** Descriptors. */
  readonly master: number;
  /** Any slave; -1 where nobody has one. */
  readonly slave: number;
  readonly call: (fd: number, request: number, argument: RemoteArgument, attempt?: string) => RemoteCall;
  /**
   * The same by cgrestore itself: TIOCSTI and TIOCSLCKTRMIOS take CAP_SYS_ADMIN in the first user namespace
   * (drivers/tty/tty_io.c and tty_ioctl.c; newer kernels take CAP_CHECKPOINT_RESTORE for the latter as well).
   */
  readonly callOurselves: Pty["call"];
}

function firstSlave(context: FilesContext, { slaves }: PtyStep): number {
  return slaves[0] === undefined ? -1 : descriptorOf(context, slaves[0].handle);
}

/** Through the master: so it is the slave of this one, whatever is known by its name meanwhile. */
function openSlave({ context, master, step }: Pty, flags: number, expected: number): RemoteCall {
  return remoteCall(context, "ioctl", [master, TIOCGPTPEER, flags | O_NOCTTY], {
    attempt: `Cannot open ${step.what}`,
    hints: { EINVAL: "Linux 4.13 or newer is needed" },
    expected,
  });
}

function setFile({ context, step, slave }: Pty): RemoteCall[] {
  const { mode, owner, what } = step;
  const attempt = `Cannot set owner and permissions of ${what}`;
  return [
    ...owner === undefined ? [] : [remoteCall(context, "fchown", [slave, owner.uid, owner.gid], { attempt })],
    ...mode === undefined ? [] : [remoteCall(context, "fchmod", [slave, mode], { attempt })],
  ];
}

function setMode({ step, master, call, callOurselves }: Pty): RemoteCall[] {
  const { settings, what } = step;
  if (settings === undefined) return [];
  const [mode, size, locked] = [encodeMode(settings.mode), encodeSize(settings.size), encodeMode(settings.locked)];
  const read = (expected: Uint8Array<ArrayBuffer>) => ({ output: new Uint8Array(expected.length), expected });
  const attempts = { mode: `Cannot set the mode of ${what}`, size: `Cannot set the size of ${what}` };
  return [
    call(master, TIOCSWINSZ, size, attempts.size),
    call(master, TIOCGWINSZ, read(size), attempts.size),
    call(master, TCSETS, mode, attempts.mode),
    call(master, TCGETS, read(mode), attempts.mode),
    // What is locked could not be set any more.
    ...locked.some((byte) => byte !== 0) ? [callOurselves(master, TIOCSLCKTRMIOS, locked, attempts.mode)] : [],
  ];
}

function setSwitches({ step, master, slave, call }: Pty): RemoteCall[] {
  return [
    ...step.isSlaveExclusive ? [call(slave, TIOCEXCL, 0)] : [],
    ...step.isMasterExclusive ? [call(master, TIOCEXCL, 0)] : [],
    ...step.isPacket ? [call(master, TIOCPKT, integers(1))] : [],
    ...step.isLocked ? [call(master, TIOCSPTLCK, integers(1))] : [],
  ];
}

/**
 * Puts bytes back where they waited to be read. They have been through the terminal already, so it must not echo them,
 * edit them or take them for signals; only where a line ends has to be known. Written at the other end, they would be
 * looked at by a worker of the kernel at any time, maybe when the mode is a different one already.
 */
function fillQueues(pty: Pty): RemoteCall[] {
  const { step: { settings, masterQueue, slaveQueue }, master, slave, call, callOurselves } = pty;
  if (settings === undefined || masterQueue.length + slaveQueue.length === 0) return [];
  const quiet = quietMode(settings.mode);
  const type = (fd: number, queue: Uint8Array) => (
    [...queue.subarray(0, QUEUE_SIZE)].map((byte) => callOurselves(fd, TIOCSTI, Uint8Array.of(byte)))
  );
  return [
    call(master, TCSETS, encodeMode(quiet)),
    ...type(slave, slaveQueue),
    ...isWhole(quiet, slaveQueue) ? [] : [call(master, TCSETS, encodeMode(withEnd(quiet))), ...type(slave, END)],
    ...type(master, masterQueue),
    ...writeRests(pty),
  ];
}

/** Nothing is special but what ends a line, and that only where lines are read. */
function quietMode(mode: TerminalMode): TerminalMode {
  const local = (mode.local & ICANON) === 0 ? 0 : mode.local & (ICANON | IEXTEN);
  const characters = new Uint8Array(mode.characters.length);
  for (const index of lineEnds(local)) characters[index] = mode.characters[index] ?? 0;
  return { ...mode, input: 0, output: 0, local, characters };
}

/** Indices of the characters that end a line, besides the newline and that of VEOF, which is not part of the line. */
function lineEnds(local: number): number[] {
  if ((local & ICANON) === 0) return [];
  return (local & IEXTEN) === 0 ? [VEOL] : [VEOL, VEOL2];
}

/** Whether nothing follows the last line: CRIU reads whole lines only, so what does was ended by VEOF. */
function isWhole({ local, characters }: TerminalMode, queue: Uint8Array): boolean {
  const last = queue.at(-1);
  if (last === undefined || (local & ICANON) === 0) return true;
  return last === NEWLINE || lineEnds(local).some((index) => characters[index] === last && last !== 0);
}

/** Ends a line without being part of it. */
const END = Uint8Array.of(4);

function withEnd(mode: TerminalMode): TerminalMode {
  const characters = mode.characters.slice();
  characters.set(END, VEOF);
  return { ...mode, characters };
}

/** What has no room in a queue waits before it, as what was written at the other end. */
function writeRests(pty: Pty): RemoteCall[] {
  const { context, step, master } = pty;
  const [toMaster, toSlave] = [step.masterQueue.subarray(QUEUE_SIZE), step.slaveQueue.subarray(QUEUE_SIZE)];
  const attempt = `Cannot put ${toMaster.length + toSlave.length} more bytes into ${step.what}`;
  const write = (fd: number, bytes: Uint8Array) => (
    remoteCall(context, "write", [fd, bytes, bytes.length], { attempt, expected: bytes.length, hints: REST_HINTS })
  );
  const setFlags = (flags: number) => remoteCall(context, "fcntl", [master, F_SETFL, flags], { attempt });
  const calls: RemoteCall[] = [];
  if (toSlave.length > 0) {
    calls.push(setFlags(step.masterFlags | O_NONBLOCK), write(master, toSlave), setFlags(step.masterFlags));
  }
  if (toMaster.length > 0) {
    const fd = context.lowest.peek();
    calls.push(openSlave(pty, O_RDWR | O_NONBLOCK, fd), write(fd, toMaster), close(context, fd));
  }
  return calls;
}

const REST_HINTS = { EAGAIN: "it has less room than before", EPROTO: "it has less room than before" };
