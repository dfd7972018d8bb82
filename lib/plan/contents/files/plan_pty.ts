import type { TerminalFile, TerminalSettings } from "../../../model/files/terminal_file.ts";
import { NO_ID } from "../../../model/id_ranges.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { findPty, type Pty } from "../session_terminals.ts";

/** Opens the slaves of a pseudoterminal, whose master is open, and gives it all that it had. */
export interface PtyStep extends StepBase {
  readonly kind: "make-pty";
  readonly master: Handle;
  /** How the master is open. */
  readonly masterFlags: number;
  readonly slaves: readonly { readonly handle: Handle; readonly flags: number }[];
  /** Permissions and owner of its file; absent: as the kernel makes it. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Absent for one that is hung up: the master is closed in the end, as nobody had it. */
  readonly settings?: TerminalSettings;
  /** What waits to be read from each end. */
  readonly masterQueue: Uint8Array;
  readonly slaveQueue: Uint8Array;
  readonly isMasterExclusive: boolean;
  readonly isSlaveExclusive: boolean;
  readonly isPacket: boolean;
  readonly isLocked: boolean;
}

const O_RDWR = 2;
/** Device number of the slave with number 0 (Documentation/admin-guide/devices.txt). */
const FIRST_SLAVE = 136 << 8;
/** The highest number of a line discipline (`NR_LDISCS`, uapi/linux/tty.h); what is beyond means nothing. */
const LAST_DISCIPLINE = 30;
/** What the kernel keeps of what was written to a pseudoterminal, and reads at once (`N_TTY_BUF_SIZE`). */
const QUEUE_SIZE = 4096;

/** All open files of a pseudoterminal are made together. */
export function planPty(planner: FilePlanner, { id, terminal }: TerminalFile, holder: string): Handle | undefined {
  const pty = findPty(planner.contents, terminal.index);
  checkPty(planner, pty, holder);
  const { master, slaves } = pty;
  const path = slavePath(pty);
  const masterHandle = planMaster(planner, pty);
  const isHung = master === undefined;
  const link = isHung ? `${path} (deleted)` : path;
  const first = slaves[0];
  planner.early.push({
    kind: "make-pty",
    what: path,
    master: masterHandle,
    masterFlags: master?.flags ?? O_RDWR,
    slaves: slaves.map(({ id: slave, flags }) => ({
      handle: planner.fileHandle(slave, { link, object: link, flags, position: 0 }),
      flags,
    })),
    ...first?.mode === undefined ? {} : { mode: first.mode & 0o7777 },
    ...ownerOf(planner, pty, holder),
    ...settingsOf(pty),
    masterQueue: unpackQueue(planner, master, holder),
    slaveQueue: first?.terminal.queue ?? new Uint8Array(),
    isMasterExclusive: master?.terminal.isExclusive ?? false,
    isSlaveExclusive: first?.terminal.isExclusive ?? false,
    isPacket: master?.terminal.isPacket ?? false,
    isLocked: master?.terminal.isLocked ?? false,
  });
  return planner.get(fileKey(id));
}

/** The device number of the slave with this number. */
export function slaveDevice(index: number): number {
  return FIRST_SLAVE | index & 0xff | (index & ~0xff) << 12;
}

function ownerOf(planner: FilePlanner, pty: Pty, holder: string): Pick<PtyStep, "owner"> {
  const owner = pty.slaves[0]?.terminal.owner;
  if (owner === undefined) return {};
  if ([owner.uid, owner.gid].includes(NO_ID)) {
    planner.notes.push(`${holder}: ${slavePath(pty)} belonged to nobody of the user namespace, and does to its root`);
  }
  return { owner };
}

function planMaster(planner: FilePlanner, { index, master, slaves }: Pty): Handle {
  if (master === undefined) {
    const { handle } = planner.handle(`master ${index}`);
    const path = `${directoryOf(slaves[0])}/ptmx`;
    planner.terminals.masters.push({ handle, index, path, flags: O_RDWR });
    return handle;
  }
  const { path = "/dev/ptmx", flags } = master;
  const handle = planner.fileHandle(master.id, { link: path, flags, position: 0, lines: [`tty-index: ${index}`] });
  planner.terminals.masters.push({ handle, index, path, flags });
  if (master.terminal.isOutside === true) planner.terminals.given.push(handle);
  return handle;
}

function slavePath({ index, slaves }: Pty): string {
  return slaves[0]?.path ?? `/dev/pts/${index}`;
}

function directoryOf(file: TerminalFile | undefined): string {
  return file?.path?.replace(/\/[^/]*$/, "") ?? "/dev/pts";
}

/** The master has what the slave has, and more often. */
function settingsOf({ master, slaves }: Pty): { readonly settings?: TerminalSettings } {
  const settings = master?.terminal.settings ?? slaves[0]?.terminal.settings;
  return settings === undefined ? {} : { settings };
}

function checkPty(planner: FilePlanner, pty: Pty, holder: string): void {
  const path = slavePath(pty);
  const where = `${holder}, ${JSON.stringify(path)}`;
  if (planner.host.files.has(path)) {
    planner.refuse(
      where,
      "a pseudoterminal with this number is in use on this host: whatever uses it has to end first",
    );
  }
  const ptmx = pty.master?.path;
  if (ptmx !== undefined && !planner.host.files.has(ptmx) && !planner.seenFrom(undefined).isUnseen(ptmx)) {
    planner.refuse(`${holder}, ${JSON.stringify(ptmx)}`, "there is no such file here");
  }
  for (const { path: name = "" } of pty.slaves) {
    if (name === path && name === `${directoryOf(pty.slaves[0])}/${pty.index}`) continue;
    planner.refuse(where, `it was opened as ${JSON.stringify(name)}, and can only be opened in a mount of devpts`);
  }
  const discipline = settingsOf(pty).settings?.mode.discipline ?? 0;
  if (discipline !== 0 && discipline <= LAST_DISCIPLINE) {
    planner.refuse(where, `its line discipline is number ${discipline}, which cannot be restored`);
  }
  const queued = [pty.master?.terminal.queue, pty.slaves[0]?.terminal.queue].some((queue) => (queue?.length ?? 0) > 0);
  if (queued && (pty.master === undefined || pty.slaves.length === 0)) {
    planner.refuse(where, "the image has bytes for it, but not both of its ends");
  }
}

/**
 * In packet mode, every read begins with a byte of its own: 0 before data, else what has happened to the slave since
 * (ioctl_tty(2), TIOCPKT), which cannot be told again.
 */
function unpackQueue(planner: FilePlanner, master: TerminalFile | undefined, holder: string): Uint8Array {
  const { isPacket = false, queue = new Uint8Array() } = master?.terminal ?? {};
  if (!isPacket || queue.length === 0) return queue;
  if (queue.length > QUEUE_SIZE) {
    planner.refuse(
      holder,
      `more than ${QUEUE_SIZE} bytes wait in packet mode, and where each packet begins is unknown`,
    );
  }
  const events = queue.findIndex((byte) => byte === 0);
  if (events !== 0) planner.notes.push(`${holder}: what packet mode had to tell of its slave is lost`);
  return events < 0 ? new Uint8Array() : queue.subarray(events + 1);
}
