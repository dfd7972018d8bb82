import type { PidfdEntry } from "../../gen/pidfd.ts";
import { buildOwner } from "../build_open_files.ts";
import type { PidFile } from "./pid_file.ts";

/** Says that the task is gone. */
const GONE = -1;
const O_RDWR = 2;

/** CRIU leaves the access mode away. */
export function buildPidFile(id: number, { flags, fown, nspid: pid, ino: inode }: PidfdEntry): PidFile {
  return { kind: "pidfd", id, flags: flags | O_RDWR, ...buildOwner(fown), ...pid === GONE ? {} : { pid }, inode };
}
