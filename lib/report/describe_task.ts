import { count } from "./printable.ts";

/** What is told of a task wherever tasks are listed. */
export interface TaskFacts {
  readonly pid: number;
  /** `undefined`: cgrestore's own. */
  readonly group: number | undefined;
  readonly session: number | undefined;
  readonly state: "alive" | "stopped" | "zombie";
  readonly exitStatus: number;
  readonly stopSignal: number;
}

/** State, session and group, the last two in as few words as they need: `"alive, leads session 7"`. */
export function describeTask(task: TaskFacts): string {
  return `${describeState(task)}, ${describeSession(task)}`;
}

function describeState({ state, exitStatus, stopSignal }: TaskFacts): string {
  if (state === "zombie") return `zombie (${describeExit(exitStatus)})`;
  if (state === "stopped" && stopSignal !== 0) return `stopped by signal ${stopSignal}`;
  return state;
}

function describeSession({ pid, group, session }: TaskFacts): string {
  if (session === undefined || group === undefined) {
    const ofGroup = group === undefined ? "group of cgrestore" : groupOf(pid, group);
    return `${session === undefined ? "session of cgrestore" : `session ${session}`}, ${ofGroup}`;
  }
  if (session === pid && group === pid) return `leads session ${pid}`;
  return `session ${session}, ${groupOf(pid, group)}`;
}

function groupOf(pid: number, group: number): string {
  return group === pid ? `leads group ${group}` : `group ${group}`;
}

/** A wait(2) status word in words. */
export function describeExit(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `exit status ${(status >> 8) & 0xff}` : `signal ${signal}`;
}

/** How many threads there are besides the leader, or `""`. */
export function describeThreads(threads: number): string {
  return threads === 0 ? "" : `, ${count(threads, "further thread")}`;
}
