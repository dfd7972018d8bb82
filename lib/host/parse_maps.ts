/** A line of `/proc/PID/maps` (proc_pid_maps(5)). */
export interface MapsLine {
  readonly start: number;
  readonly end: number;
  /** `"rw-p"` */
  readonly access: string;
  readonly offset: number;
  /**
   * A path as the kernel writes it (`escapeName`), with ` (deleted)` behind it when that has gone; `"[heap]"` and the
   * like; or empty.
   */
  readonly name: string;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)$/s;

/** The mappings of a task, by ascending address. */
export function parseMaps(text: string): MapsLine[] {
  return text.split("\n").flatMap((line) => {
    const match = LINE.exec(line);
    if (match === null) return [];
    const [, start = "", end = "", access = "", offset = "", name = ""] = match;
    const number = (digits: string) => parseInt(digits, 16);
    return [{ start: number(start), end: number(end), access, offset: number(offset), name }];
  });
}

/** A name as the kernel writes it: newlines, and nothing else, are otherwise than they are (fs/proc/task_mmu.c). */
export function escapeName(name: string): string {
  return name.includes("\n") ? name.replaceAll("\n", "\\012") : name;
}
