import type { TermiosEntry, TtyFileEntry, TtyInfoEntry, WinsizeEntry } from "../../gen/tty.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { fileEntries } from "../entry_index.ts";
import type {
  Terminal,
  TerminalFile,
  TerminalMode,
  TerminalSettings,
  TerminalType,
  WindowSize,
} from "./terminal_file.ts";

type Context = FilesContext & { readonly where: string };

/** `TtyType` of images/tty.proto. */
const PTY = 1;
const TYPES: ReadonlyMap<number, TerminalType> = new Map([
  [2, "device"], // the console
  [3, "device"], // a virtual terminal
  [4, "tty"],
  [5, "external"],
  [6, "device"], // a serial line
]);

/** Device numbers of pseudoterminals (Documentation/admin-guide/devices.txt). */
const AUXILIARY_MAJOR = 5;
const PTMX_MINOR = 2;
const FIRST_MASTER_MAJOR = 128;
const FIRST_SLAVE_MAJOR = 136;
const LAST_SLAVE_MAJOR = 143;

/** Special characters of a terminal (`NCCS`, asm-generic/termbits.h). */
const CHARACTERS = 19;

const NOWHERE: TtyInfoEntry = {
  ...{ id: 0, type: 0, locked: false, exclusive: false, packetMode: false, sid: 0, pgrp: 0, rdev: 0 },
  ...{ termios: undefined, termiosLocked: undefined, winsize: undefined, pty: undefined },
  ...{ dev: undefined, uid: undefined, gid: undefined },
};

export function buildTerminalFile(id: number, entry: TtyFileEntry, context: Context): TerminalFile {
  const { images, problems, where } = context;
  const { ttyInfoId, flags, fown, regfId = id } = entry;
  const info = images.terminals.find((terminal) => terminal.id === ttyInfoId);
  if (info === undefined) problems.push({ where, what: `tty-info.img has no terminal ${ttyInfoId}` });
  const terminal = buildTerminal(info ?? NOWHERE, context);
  const named = fileEntries.find(images.files, regfId)?.reg;
  const path = named?.name ?? defaultPath(terminal);
  if (path === undefined && info !== undefined && terminal.type !== "external") {
    problems.push({ where, what: `the name of its terminal, file ${regfId}, is not in files.img` });
  }
  return {
    ...{ kind: "terminal", id, flags, ...buildOwner(fown), terminal },
    ...path === undefined ? {} : { path },
    ...named?.mode === undefined ? {} : { mode: named.mode },
    ...named?.mntId === undefined || named.mntId === -1 ? {} : { mount: named.mntId },
  };
}

/** Old dumps have no names of pseudoterminals. */
function defaultPath({ type, index }: Terminal): string | undefined {
  if (type === "master") return "/dev/ptmx";
  return type === "slave" ? `/dev/pts/${index}` : undefined;
}

function buildTerminal(info: TtyInfoEntry, context: Context): Terminal {
  const { id, rdev, uid, gid } = info;
  const type = typeOf(info);
  if (info !== NOWHERE) checkInfo(info, type, context);
  const settings = buildSettings(info);
  return {
    ...{ id, type: type ?? "external", index: info.pty?.index ?? 0, device: rdev, fileSystem: info.dev ?? 0 },
    ...{ session: info.sid, foreground: info.pgrp },
    ...{ isExclusive: info.exclusive, isLocked: info.locked, isPacket: info.packetMode },
    ...settings === undefined ? {} : { settings },
    ...uid === undefined || gid === undefined ? {} : { owner: { uid, gid } },
    queue: context.images.terminalData.find(({ ttyId }) => ttyId === id)?.data ?? new Uint8Array(),
  };
}

/** CRIU tells the ends of a pseudoterminal apart by their device numbers (`get_tty_driver`, criu/tty.c). */
function typeOf({ type, rdev }: TtyInfoEntry): TerminalType | undefined {
  if (type !== PTY) return TYPES.get(type);
  const [major, minor] = [rdev >>> 8 & 0xfff, rdev & 0xff];
  if (major === AUXILIARY_MAJOR && minor === PTMX_MINOR) return "master";
  if (major >= FIRST_MASTER_MAJOR && major < FIRST_SLAVE_MAJOR) return "master";
  return major >= FIRST_SLAVE_MAJOR && major <= LAST_SLAVE_MAJOR ? "slave" : undefined;
}

/** Only slaves can be hung up; then they have no settings at all. */
function checkInfo(info: TtyInfoEntry, type: TerminalType | undefined, { problems, where }: Context): void {
  const complain = (what: string) => problems.push({ where, what: `terminal ${info.id} of tty-info.img ${what}` });
  if (type === undefined) complain(`is of type ${info.type} with the device number ${info.rdev.toString(16)}`);
  if (info.type === PTY && info.pty === undefined) complain("has no number");
  if (info.type !== PTY && info.pty !== undefined) complain("has the number of a pseudoterminal, and is none");
  const parts = [info.termios, info.termiosLocked, info.winsize].filter((part) => part !== undefined).length;
  if (parts !== 3 && (parts !== 0 || type !== "slave")) complain("has no mode, or no size");
  for (const mode of [info.termios, info.termiosLocked]) {
    if (mode !== undefined && mode.cCc.length < CHARACTERS) complain("lacks special characters");
  }
}

function buildSettings({ termios, termiosLocked, winsize }: TtyInfoEntry): TerminalSettings | undefined {
  if (termios === undefined || termiosLocked === undefined || winsize === undefined) return undefined;
  return { mode: buildMode(termios), locked: buildMode(termiosLocked), size: buildSize(winsize) };
}

/** CRIU copies the characters as bytes into what are words in the image: the first five words have all of them. */
function buildMode({ cIflag, cOflag, cCflag, cLflag, cLine, cCc }: TermiosEntry): TerminalMode {
  const characters = new Uint8Array(Uint32Array.from(cCc).buffer).slice(0, CHARACTERS);
  return { input: cIflag, output: cOflag, control: cCflag, local: cLflag, discipline: cLine, characters };
}

function buildSize({ wsRow, wsCol, wsXpixel, wsYpixel }: WinsizeEntry): WindowSize {
  return { rows: wsRow, columns: wsCol, width: wsXpixel, height: wsYpixel };
}
