/** What `/proc/PID/stat` says of a task, as far as a checkpoint determines it (proc_pid_stat(5)). */
export interface TaskStatus {
  readonly comm: string;
  /** One letter: `t` is stopped by its tracer, `Z` a zombie. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Device number of the terminal that controls its session; 0 for none. */
  readonly terminal: number;
  /** The group in the terminal's foreground; -1 without a terminal. */
  readonly foreground: number;
  /** wait(2) status word; 0 where we may not see it. */
  readonly exitStatus: number;
}

/** Index, behind the comm, of the last field: `exit_code`. */
const EXIT_CODE = 49;

/** Parses a line of `/proc/PID/stat`; the comm may contain spaces and parentheses. */
export function parseStat(text: string): TaskStatus {
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).trimEnd().split(" ");
  const number = (index: number) => Number(fields[index] ?? 0);
  return {
    comm: text.slice(text.indexOf("(") + 1, end),
    state: fields[0] ?? "?",
    parent: number(1),
    group: number(2),
    session: number(3),
    terminal: number(4),
    foreground: number(5),
    exitStatus: number(EXIT_CODE),
  };
}
