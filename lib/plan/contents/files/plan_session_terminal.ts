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
function findOpener({ contents, host, sessions }: FilePlanner, { id, terminal }: TerminalFile): number | undefined {
  const controlling = controllingTerminals(contents);
  const able = [...contents.tasks].filter(([pid, { table }]) => {
    const session = sessions.get(pid);
    const has = session === undefined ? host.terminal?.isControlling === true : controlling.has(session);
    return has && contents.tables.get(table)?.some(({ file }) => file === id);
  }).map(([pid]) => pid);
  return able.find((pid) => sessions.get(pid) === terminal.session) ?? able[0];
}
