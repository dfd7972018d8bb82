import type { TerminalFile } from "../../../model/files/terminal_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { findPty } from "../session_terminals.ts";
import { planOwnTerminal } from "./plan_own_terminal.ts";
import { planPty } from "./plan_pty.ts";
import { planSessionTerminal } from "./plan_session_terminal.ts";
import { planTerminalDevice } from "./plan_terminal_device.ts";

/** Terminals are opened where the root task is: the same has to be at their paths there. */
function isAtSamePlace({ options: { places } }: FilePlanner, { path = "", mount }: TerminalFile): boolean {
  const namespace = places?.namespaceOf(mount) ?? 0;
  if (places === undefined || namespace === 0) return true;
  const [there, here] = [namespace, 0].map((number) => places.mountAt(path, number));
  return there?.device === here?.device && there?.root === here?.root && there?.mountPoint === here?.mountPoint;
}

/** The handle of an open terminal. */
export function planTerminal(planner: FilePlanner, file: TerminalFile, holder: string): Handle | undefined {
  const { type, index, settings } = file.terminal;
  if (!isAtSamePlace(planner, file)) {
    return planner.refuse(
      `${holder}, ${JSON.stringify(file.path)}`,
      "it was opened in another mnt namespace than that of the root task, where it is not at this path",
    );
  }
  switch (type) {
    case "master":
      return planPty(planner, file, holder);
    case "slave":
      // One without settings has been hung up, when its master was closed.
      return settings === undefined || findPty(planner.contents, index).master !== undefined
        ? planPty(planner, file, holder)
        : planOwnTerminal(planner, file, holder);
    case "tty":
      return planSessionTerminal(planner, file, holder);
    case "device":
      return planTerminalDevice(planner, file, holder);
    case "external":
      return planner.refuse(holder, "a terminal that others have to provide cannot be restored");
  }
}
