/** What `/proc/PID/status` says (proc_pid_status(5)). */
export interface ProcStatus {
  /** The words behind a name; none when there is no such line. */
  words(name: string): string[];
  /** A mask in hexadecimal; 0 when there is no such line. */
  mask(name: string): bigint;
}

/** Parses `/proc/PID/status`. */
export function parseStatus(text: string): ProcStatus {
  const lines = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    lines.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return {
    words: (name) => (lines.get(name) ?? "").split(/\s+/).filter((word) => word !== ""),
    mask: (name) => BigInt(`0x${lines.get(name) ?? "0"}`),
  };
}
