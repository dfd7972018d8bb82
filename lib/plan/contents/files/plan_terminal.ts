import type { TerminalFile } from "../../../model/files/terminal_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { findPty } from "../session_terminals.ts";
import { planOwnTerminal } from "./plan_own_terminal.ts";
import { planPty } from "./plan_pty.ts";
import { planSessionTerminal } from "./plan_session_terminal.ts";
import { planTerminalDevice } from "./plan_terminal_device.ts";

/** The handle of an open terminal. */
export function planTerminal(planner: FilePlanner, file: TerminalFile, holder: string): Handle | undefined {
  const { type, index, settings } = file.terminal;
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
