import type { TerminalFile } from "../../../model/files/terminal_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { controllingTerminals } from "../session_terminals.ts";

/** The handle of /dev/tty, which only a task of the session whose terminal it is can open. */
export function planSessionTerminal(planner: FilePlanner, file: TerminalFile, holder: string): Handle | undefined {
  const { id, flags, path = "/dev/tty", terminal: { isExclusive } } = file;
  const pid = findOpener(planner, file);
  if (pid === undefined) {
    return planner.refuse(holder, `it is ${JSON.stringify(path)} of a session that none of its tasks is in any more`);
  }
  const handle = planner.fileHandle(id, { link: path, object: path, flags, position: 0 });
  planner.terminals.sessionSteps.push({ kind: "open-tty", pid, handle, path, flags, isExclusive });
  return handle;
}

/** A task that has the file, and a terminal that controls its session. */
function findOpener({ contents, host, options }: FilePlanner, { id, terminal }: TerminalFile): number | undefined {
  const controlling = controllingTerminals(contents);
  const able = options.tasks.filter(({ pid, session }) => {
    const table = contents.tables.get(contents.tasks.get(pid)?.table ?? -1) ?? [];
    const has = session === undefined ? host.terminal?.isControlling === true : controlling.has(session);
    return has && table.some(({ file }) => file === id);
  });
  return (able.find(({ session }) => session === terminal.session) ?? able[0])?.pid;
}
