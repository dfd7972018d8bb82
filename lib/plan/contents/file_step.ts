import type { Handle } from "./contents_plan.ts";

/** How one open file, or several that belong together, are made in the coordinator. */
export type FileStep = OpenPathStep | PipeStep | EventFileStep | SegmentStep;

interface StepBase {
  /** What it is for people: `"/usr/bin/sleep"`, `"pipe 7"`. */
  readonly what: string;
}

/** Opens a file by its name. */
export interface OpenPathStep extends StepBase {
  readonly kind: "open-path";
  readonly handle: Handle;
  readonly path: string;
  readonly flags: number;
  readonly position: number;
}

/** Makes a pipe with all its ends. */
export interface PipeStep extends StepBase {
  readonly kind: "make-pipe";
  readonly ends: readonly { readonly handle: Handle; readonly flags: number }[];
  readonly bytes: Uint8Array;
  readonly capacity: number | undefined;
}

export interface EventFileStep extends StepBase {
  readonly kind: "make-eventfd";
  readonly handle: Handle;
  readonly flags: number;
  readonly counter: bigint;
}

/** Makes a segment of anonymous shared memory, without content, and opens it. */
export interface SegmentStep extends StepBase {
  readonly kind: "make-segment";
  readonly handle: Handle;
  readonly size: number;
}
