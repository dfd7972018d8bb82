import type { FileBase } from "../open_file.ts";

/** One end of a pipe. */
export interface PipeFile extends FileBase {
  readonly kind: "pipe";
  readonly pipe: PipeContent;
}

/** An open FIFO. */
export interface FifoFile extends FileBase {
  readonly kind: "fifo";
  readonly pipe: PipeContent;
  /** Id of the file that says how it is named. */
  readonly named: number;
}

/** What all ends of one pipe have in common. */
export interface PipeContent {
  readonly id: number;
  /** What had been written to it and not yet read. */
  readonly bytes: Uint8Array;
  /** F_SETPIPE_SZ; absent: the default. */
  readonly capacity?: number;
}
