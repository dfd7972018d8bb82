import type { FileBase } from "../open_file.ts";

/** An open terminal, or end of a pseudoterminal. */
export interface TerminalFile extends FileBase {
  readonly kind: "terminal";
  readonly terminal: Terminal;
  /** As it was opened, absolute in the mount namespace of its mount; absent for one that others provide. */
  readonly path?: string;
  /** Of the mount in mountpoints-ID.img; absent where mounts were not dumped. */
  readonly mount?: number;
  /** st_mode of the file of that name; absent in old dumps. */
  readonly mode?: number;
}

/** What all openings of one terminal, or of one end of a pseudoterminal, have in common. */
export interface Terminal {
  readonly id: number;
  readonly type: TerminalType;
  /** N of /dev/pts/N; 0 for what is no pseudoterminal. */
  readonly index: number;
  /** st_rdev and st_dev. */
  readonly device: number;
  readonly fileSystem: number;
  /** The session that it controls, and the group in its foreground; 0 for none, or where the dump could not see it. */
  readonly session: number;
  readonly foreground: number;
  /** TIOCEXCL */
  readonly isExclusive: boolean;
  /** Of masters: whether the slave cannot be opened (TIOCSPTLCK). */
  readonly isLocked: boolean;
  /** Of masters: whether it was not dumped, because whoever looks at the terminal has it. */
  readonly isOutside?: true;
  /** Of masters: TIOCPKT. */
  readonly isPacket: boolean;
  /** Absent when it was hung up. */
  readonly settings?: TerminalSettings;
  /** Of the file that it was opened by; absent in old dumps. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Of pseudoterminals: what would have been read from this end. */
  readonly queue: Uint8Array;
}

/**
 * `master` and `slave` of a pseudoterminal; `tty`: what /dev/tty is to the task that opened it; `device`: a virtual
 * terminal, a console or a serial line; `external`: somebody else provides it.
 */
export type TerminalType = "master" | "slave" | "tty" | "device" | "external";

/** What both ends of a pseudoterminal have in common. */
export interface TerminalSettings {
  readonly mode: TerminalMode;
  /** What of the mode cannot be changed: those bits and characters that are not 0 (TIOCSLCKTRMIOS). */
  readonly locked: TerminalMode;
  readonly size: WindowSize;
}

/** termios(3) */
export interface TerminalMode {
  readonly input: number;
  readonly output: number;
  readonly control: number;
  readonly local: number;
  /** Number of the line discipline; 0 is N_TTY. */
  readonly discipline: number;
  /** The special characters, as many as the kernel has (`NCCS`). */
  readonly characters: Uint8Array;
}

/** TIOCSWINSZ */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}
