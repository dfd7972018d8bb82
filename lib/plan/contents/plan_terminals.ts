import type { TerminalFile } from "../../model/files/terminal_file.ts";
import type { Handle } from "./contents_plan.ts";
import { fileKey, type FilePlanner } from "./file_planner.ts";
import { slaveDevice } from "./files/plan_pty.ts";
import { whereOf } from "./namespaces/mount_places.ts";
import { controllingTerminals, isTerminal } from "./session_terminals.ts";
import type { ExpectedTerminal, SessionStep, TerminalsPlan } from "./terminals_plan.ts";

/** Plans what is done about terminals as a whole; all open files have been planned. */
export function planTerminals(planner: FilePlanner): TerminalsPlan {
  checkInstances(planner);
  checkMounts(planner);
  const controlling = new Map<number, Handle>();
  const steps: SessionStep[] = [];
  for (const [session, file] of controllingTerminals(planner.contents)) {
    const handle = planner.get(fileKey(file.id));
    // Without a handle it cannot be restored, which has been told.
    if (handle === undefined || !checkSession(planner, session, file)) continue;
    controlling.set(session, handle);
    const { foreground: group } = file.terminal;
    if (group !== session) steps.push({ kind: "set-foreground", pid: session, handle, group });
  }
  const { masters, sessionSteps, adoptions, given } = planner.terminals;
  return {
    masters: masters.toSorted((a, b) => a.index - b.index),
    controlling,
    sessionSteps: [...steps, ...sessionSteps],
    adoptions,
    given,
    expected: expectTerminals(planner),
  };
}

/** The images do not tell which pseudoterminals of several mounts of devpts belong together. */
function checkInstances({ contents, problems }: FilePlanner): void {
  const slaves = [...contents.files.values()].filter(isTerminal).filter(({ terminal }) => terminal.type === "slave");
  const instances = new Set(slaves.map(({ terminal }) => terminal.fileSystem));
  if (instances.size < 2) return;
  problems.push({
    where: "pseudoterminals",
    what: `they are of ${instances.size} instances of devpts, instead of one`,
  });
}

/** A mount that shows a pseudoterminal can only be made while that has a master. */
function checkMounts({ options: { places }, problems, terminals }: FilePlanner): void {
  for (const mount of places?.mounts ?? []) {
    const pty = places?.ptyOf(mount);
    if (pty === undefined || terminals.masters.some(({ index }) => index === pty)) continue;
    problems.push({ where: whereOf(mount), what: `no task has the pseudoterminal ${pty} open, which it shows` });
  }
}

/** Only the leader of a session can take a terminal, and only groups of the session can be in its foreground. */
function checkSession(
  { options: { tasks }, problems }: FilePlanner,
  session: number,
  { path, terminal }: TerminalFile,
): boolean {
  const where = `terminal ${JSON.stringify(path ?? "")}`;
  const { foreground } = terminal;
  const leader = tasks.find(({ pid, state }) => pid === session && state !== "zombie");
  if (leader?.session !== session) {
    problems.push({ where, what: `it controls session ${session}, whose leader was not dumped` });
    return false;
  }
  if (tasks.some((task) => task.session === session && task.group === foreground)) return true;
  const what = foreground === 0 ? "a group outside" : `group ${foreground}, of which there is no task`;
  problems.push({ where, what: `in its foreground is ${what}` });
  return false;
}

/** By pid. The terminal of cgrestore's session is not known, and that of a device may have several numbers. */
function expectTerminals({ contents, options: { tasks } }: FilePlanner): Map<number, ExpectedTerminal> {
  const controlling = controllingTerminals(contents);
  const expected = new Map<number, ExpectedTerminal>();
  for (const { pid, session, state } of tasks) {
    if (state === "zombie" || session === undefined) continue;
    const terminal = controlling.get(session)?.terminal;
    if (terminal === undefined) expected.set(pid, { device: 0 });
    else if (terminal.type === "master" || terminal.type === "slave") {
      expected.set(pid, { device: slaveDevice(terminal.index), foreground: terminal.foreground });
    }
  }
  return expected;
}
