import type { Contents } from "../../model/contents.ts";
import type { TerminalFile } from "../../model/files/terminal_file.ts";
import type { OpenFile } from "../../model/open_file.ts";

/** One pseudoterminal, as far as tasks have it open. */
export interface Pty {
  readonly index: number;
  /** There is no way to open a master a second time. */
  readonly master?: TerminalFile;
  readonly slaves: readonly TerminalFile[];
}

/** The pseudoterminal with the number `index`. */
export function findPty({ files }: Pick<Contents, "files">, index: number): Pty {
  const ends = [...files.values()].filter(isTerminal).filter(({ terminal }) => terminal.index === index);
  const master = ends.find(({ terminal }) => terminal.type === "master");
  const slaves = ends.filter(({ terminal }) => terminal.type === "slave");
  return { index, ...master === undefined ? {} : { master }, slaves };
}

export function isTerminal(file: OpenFile): file is TerminalFile {
  return file.kind === "terminal";
}

/**
 * By session: an open file of the terminal that controls it, as far as it is one that the session's leader has to take.
 * The terminal of cgrestore itself is not: tasks are born with it.
 *
 * The master knows the session in any case, a slave only where a task of that session has it open (TIOCGSID).
 */
export function controllingTerminals(contents: Pick<Contents, "files">): Map<number, TerminalFile> {
  const controlling = new Map<number, TerminalFile>();
  for (const file of contents.files.values()) {
    if (!isTerminal(file)) continue;
    const { type, session, index } = file.terminal;
    if (session === 0 || type === "tty") continue;
    if (type === "slave" && findPty(contents, index).master === undefined) continue;
    if (type === "master" || !controlling.has(session)) controlling.set(session, file);
  }
  return controlling;
}
