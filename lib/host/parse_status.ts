/** What `/proc/PID/status` says (proc_pid_status(5)). */
export interface ProcStatus {
  /** The words behind a name; none when there is no such line. */
  words(name: string): string[];
  /** A mask in hexadecimal; 0 when there is no such line. */
  mask(name: string): bigint;
}

/** Parses `/proc/PID/status`, as far as it is asked for: of some sixty lines, a third. */
export function parseStatus(text: string): ProcStatus {
  const lines = `\n${text}`;
  const valueOf = (name: string) => {
    const label = `\n${name}:`;
    const at = lines.indexOf(label);
    if (at === -1) return "";
    const end = lines.indexOf("\n", at + 1);
    return lines.slice(at + label.length, end === -1 ? lines.length : end).trim();
  };
  return {
    words: (name) => valueOf(name).split(/\s+/).filter((word) => word !== ""),
    mask: (name) => BigInt(`0x${valueOf(name) || "0"}`),
  };
}
