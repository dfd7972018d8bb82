import { SysError } from "../../../errors.ts";
import type { FilterLoad } from "../../../plan/contents/namespaces/net_plan.ts";
import type { Sys } from "../../../sys/sys.ts";
import { runProgram } from "../run_program.ts";

/**
 * Loads rules for packets into the net namespace of a process. The programs that do are those of this host, in its mounts.
 *
 * @throws {SysError} when one of them fails, which has loaded nothing then
 */
export function loadFilters(sys: Sys, filters: readonly FilterLoad[], pid: number): void {
  for (const { tool, enter, command, text } of filters) {
    const failure = runProgram(sys, [enter, `--net=/proc/${pid}/ns/net`, ...command], text);
    if (failure === undefined) continue;
    throw new SysError(tool, failure.end, `Cannot load the rules for packets by ${failure.command}`, failure.said);
  }
}
