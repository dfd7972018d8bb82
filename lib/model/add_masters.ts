import type { Contents } from "./contents.ts";
import type { TerminalFile } from "./files/terminal_file.ts";
import type { OpenFile } from "./open_file.ts";

const O_RDWR = 2;

/** Contents in which each pseudoterminal of which only slaves were dumped has a master, which no task has open. */
export function addMasters(contents: Contents): Contents {
  const ends = [...contents.files.values()].filter((file) => file.kind === "terminal");
  const known = new Set(
    ends.filter(({ terminal }) => terminal.type === "master").map(({ terminal }) => terminal.index),
  );
  const files = new Map<number, OpenFile>(contents.files);
  for (const slave of ends) {
    const { type, index, settings } = slave.terminal;
    // One without settings has been hung up: nobody has its master.
    if (type !== "slave" || settings === undefined || known.has(index)) continue;
    known.add(index);
    const id = 1 + Math.max(...files.keys());
    files.set(id, masterOf(slave, id));
  }
  return { ...contents, files };
}

/** It knows the terminal as its slave does. */
function masterOf({ path, terminal }: TerminalFile, id: number): TerminalFile {
  return {
    kind: "terminal",
    id,
    flags: O_RDWR,
    path: path === undefined ? "/dev/ptmx" : path.replace(/[^/]*$/, "ptmx"),
    terminal: { ...terminal, type: "master", isExclusive: false, isOutside: true, queue: new Uint8Array() },
  };
}
