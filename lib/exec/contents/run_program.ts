import { SysError } from "../../errors.ts";
import { O_RDONLY } from "../../sys/constants.ts";
import { runToEnd } from "../../sys/run_to_end.ts";
import type { Sys } from "../../sys/sys.ts";
import { exitCode, exited, termSignal } from "../../sys/wait_status.ts";
import { decodeText, encodeText } from "../../text.ts";

const TIMEOUT_MS = 60_000;
/** Of what a program says, so much can be told. */
const TOLD = 2000;

/** A program that could not be run, or has failed. */
export interface ProgramFailure {
  /** With its arguments, quoted as a whole. */
  readonly command: string;
  /** `"status 1"`, `"signal 9"`, `"ENOENT"` */
  readonly end: string;
  /** The first line that it has written; may be empty. */
  readonly said: string;
}

/**
 * Runs a program of this host, with a text to read or nothing, to its end. Returns how it has failed, if it has.
 *
 * @throws {SysError} when it takes longer than a minute, or a signal wants an end; it is ended then
 */
export function runProgram(
  sys: Sys,
  [program = "", ...args]: readonly string[],
  text = "",
): ProgramFailure | undefined {
  const command = `"${[program, ...args].join(" ")}"`;
  return withDescriptor(sys, sys.memfdCreate("cgrestore-output"), (output) => {
    try {
      const status = withText(sys, text, (input) => (
        runToEnd(sys, program, { args, environment: {}, input, output, timeoutMs: TIMEOUT_MS })
      ));
      if (exited(status) && exitCode(status) === 0) return undefined;
      const end = exited(status) ? `status ${exitCode(status)}` : `signal ${termSignal(status)}`;
      return { command, end, said: firstLine(sys, output) };
    } catch (error) {
      if (!(error instanceof SysError) || error.call !== "posix_spawnp") throw error;
      return { command, end: error.code, said: "" };
    }
  });
}

/** Has a descriptor that reads a text from its beginning. */
function withText<T>(sys: Sys, text: string, use: (input: number) => T): T {
  return withDescriptor(sys, sys.memfdCreate("cgrestore-input"), (source) => {
    sys.write(source, encodeText(text));
    // Opened anew, it has a position of its own.
    return withDescriptor(sys, sys.open(`/proc/self/fd/${source}`, O_RDONLY), use);
  });
}

function withDescriptor<T>(sys: Sys, fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    sys.close(fd);
  }
}

function firstLine(sys: Sys, fd: number): string {
  const buffer = new Uint8Array(TOLD);
  const text = decodeText(buffer.subarray(0, sys.pread(fd, buffer, 0)));
  return text.split("\n").find((line) => line.trim() !== "")?.trim() ?? "";
}
