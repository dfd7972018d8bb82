import { deepEqual } from "node:assert/strict";
import { smallContents } from "../../tests/support/small_contents.ts";
import { addMasters } from "./add_masters.ts";
import type { Terminal, TerminalFile } from "./files/terminal_file.ts";

const MODE = { input: 1, output: 2, control: 3, local: 4, discipline: 0, characters: new Uint8Array(19) };
const SETTINGS = { mode: MODE, locked: MODE, size: { rows: 1, columns: 2, width: 3, height: 4 } };

function terminal(id: number, index: number, part: Partial<Terminal> = {}): TerminalFile {
  return {
    ...{ kind: "terminal", id, flags: 1, path: `/dev/pts/${index}` },
    terminal: {
      ...{ id: 70 + id, type: "slave", index, device: 5, fileSystem: 6, session: 1, foreground: 2, settings: SETTINGS },
      ...{ isExclusive: true, isLocked: false, isPacket: false, queue: Uint8Array.of(9) },
      ...part,
    },
  };
}

function added(...files: TerminalFile[]): TerminalFile[] {
  const contents = smallContents({ files });
  return [...addMasters(contents).files.values()].slice(files.length).filter((file) => file.kind === "terminal");
}

Deno.test("addMasters() gives a terminal the master that somebody outside had", () => {
  const slaves = [terminal(3, 0), terminal(4, 0), terminal(8, 5)];
  deepEqual(added(...slaves).map(({ id, path, terminal }) => [id, path, terminal.index]), [
    [9, "/dev/pts/ptmx", 0],
    [10, "/dev/pts/ptmx", 5],
  ]);
  deepEqual(added(terminal(3, 0))[0], {
    ...{ kind: "terminal", id: 4, flags: 2, path: "/dev/pts/ptmx" },
    terminal: {
      ...terminal(3, 0).terminal,
      ...{ type: "master", isExclusive: false, isOutside: true, queue: new Uint8Array() },
    },
  });
});

Deno.test("addMasters() adds none where there is one, or none any more", () => {
  const { settings: _, ...hung } = terminal(3, 0).terminal;
  deepEqual(added(terminal(3, 0), terminal(4, 0, { type: "master" })), []);
  deepEqual(added({ ...terminal(3, 0), terminal: hung }), []);
  deepEqual(added(terminal(3, 0, { type: "device" })), []);
});
