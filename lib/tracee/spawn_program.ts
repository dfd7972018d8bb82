import { SysError } from "../errors.ts";
import { makeElf } from "./elf.ts";
import type { TraceeContext } from "./tracee.ts";

const SIGKILL = 9;
const END_TIMEOUT_MS = 10_000;

type Context = Pick<TraceeContext, "sys" | "architecture">;

/** Starts a process that runs this code; `name` is that of its file. Returns its pid. */
export function spawnProgram(
  { sys, architecture }: Context,
  { name, code }: { readonly name: string; readonly code: Uint8Array },
): number {
  const program = sys.memfdCreate(name);
  try {
    sys.write(program, makeElf(architecture.elfMachine, code));
    return sys.spawn(program);
  } finally {
    sys.close(program);
  }
}

/** Starts a process that does nothing, until it is ended or we are gone. */
export function spawnIdle(context: Context): number {
  const code = context.architecture.stub(context.sys.getpid());
  return spawnProgram(context, { name: "cgrestore-idle", code });
}

/** Ends such a process, and takes its end. */
export function endIdle({ sys }: Context, pid: number): void {
  sys.kill(pid, SIGKILL);
  for (;;) {
    try {
      sys.wait(pid, END_TIMEOUT_MS);
      return;
    } catch (error) {
      // Whoever looks for caught signals next will find this one.
      if (!(error instanceof SysError) || error.code !== "EINTR") throw error;
    }
  }
}
