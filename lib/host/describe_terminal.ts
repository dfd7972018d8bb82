import { SysError } from "../errors.ts";
import { TCGETS, TIOCGSID } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import type { OwnTerminal } from "./host.ts";

/** Standard input, output and error. */
const STANDARD = [0, 1, 2];
/** Large enough for what the two calls write. */
const ANSWER_SIZE = 64;

/** The terminal that cgrestore was started from: the first of its standard streams that is one. */
export function describeTerminal(sys: Sys): OwnTerminal | undefined {
  const descriptor = STANDARD.find((fd) => answers(sys, fd, TCGETS));
  if (descriptor === undefined) return undefined;
  const path = sys.readLink(`/proc/self/fd/${descriptor}`);
  return { descriptor, path, isControlling: answers(sys, descriptor, TIOCGSID) };
}

/** Whether the descriptor knows the request: what is no terminal does not, and what is closed. */
function answers(sys: Sys, fd: number, request: number): boolean {
  try {
    sys.ioctl(fd, request, new Uint8Array(new ArrayBuffer(ANSWER_SIZE)));
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}
