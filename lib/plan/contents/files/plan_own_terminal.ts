import type { TerminalFile } from "../../../model/files/terminal_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { isTerminal } from "../session_terminals.ts";

/** Opens the terminal that cgrestore was started from once more. */
export interface OpenOwnTerminalStep extends StepBase {
  readonly kind: "open-own-terminal";
  readonly handle: Handle;
  /** Of cgrestore, which the coordinator is born with. */
  readonly descriptor: number;
  readonly flags: number;
}

/**
 * The handle of a slave whose master belongs to nobody in the checkpoint: a terminal emulator, a login. With
 * --shell-job it is the terminal of cgrestore.
 */
export function planOwnTerminal(planner: FilePlanner, file: TerminalFile, holder: string): Handle | undefined {
  const { host: { terminal: own }, terminals, options: { shellJob, tasks } } = planner;
  const { id, flags, path = "?", terminal } = file;
  const where = `${holder}, ${JSON.stringify(path)}`;
  if (!shellJob) {
    return planner.refuse(
      where,
      "its master was not dumped: use --shell-job to replace it by cgrestore's own terminal",
    );
  }
  if (own === undefined) {
    return planner.refuse(
      where,
      "it is to become cgrestore's own terminal, and neither of standard input, output and error is one",
    );
  }
  if (strangers(planner).size > 1) {
    return planner.refuse(where, "tasks have several terminals whose masters were not dumped, and cgrestore has one");
  }
  const handle = planner.fileHandle(id, { link: own.path, object: own.path, flags, position: 0 });
  const { descriptor } = own;
  planner.early.push({ kind: "open-own-terminal", handle, what: own.path, descriptor, flags });
  if (terminals.kept.has(descriptor)) return handle;
  terminals.kept.add(descriptor);
  const { settings, isExclusive, session } = terminal;
  if (tasks.some(({ pid }) => pid === session)) {
    planner.notes.push(
      `${where}: session ${session} has no controlling terminal, because cgrestore's session keeps it`,
    );
  }
  if (settings !== undefined) {
    terminals.adoptions.push({ by: descriptor, what: own.path, settings, isExclusive, ...foregroundOf(planner, file) });
  }
  return handle;
}

/** Numbers of the pseudoterminals of which tasks have nothing but slaves that are not hung up. */
function strangers({ contents }: FilePlanner): Set<number> {
  const ends = [...contents.files.values()].filter(isTerminal).map(({ terminal }) => terminal);
  const masters = new Set(ends.filter(({ type }) => type === "master").map(({ index }) => index));
  const slaves = ends.filter(({ type, settings }) => type === "slave" && settings !== undefined);
  return new Set(slaves.map(({ index }) => index).filter((index) => !masters.has(index)));
}

/** The group that was in the foreground, if it is one of the tasks'; else the root's own, so that keys reach it. */
function foregroundOf(
  { host, options: { tasks } }: FilePlanner,
  { terminal }: TerminalFile,
): { readonly foreground?: number } {
  if (host.terminal?.isControlling !== true) return {};
  const groups = new Set(tasks.filter(({ session }) => session === undefined).map(({ group }) => group));
  const wanted = [terminal.foreground, tasks[0]?.pid ?? 0].find((group) => groups.has(group));
  return wanted === undefined ? {} : { foreground: wanted };
}
