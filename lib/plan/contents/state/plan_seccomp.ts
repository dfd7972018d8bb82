import type { Problem } from "../../../errors.ts";
import type { Seccomp, SeccompFilter } from "../../../model/task_state.ts";
import type { ThreadContents } from "../contents_plan.ts";

const SECCOMP_FILTER_FLAG_TSYNC = 1;

/** Of `struct sock_filter`: the instruction that ends a filter with a constant, BPF_RET | BPF_K. */
const RETURN_CONSTANT = 0x06;
const INSTRUCTION_SIZE = 8;
/** SECCOMP_RET_ACTION_FULL and SECCOMP_RET_USER_NOTIF (linux/seccomp.h). */
const ACTION = 0xffff_0000;
const NOTIFY = 0x7fc0_0000;

export interface SeccompQuestions {
  /** The thread, for problems. */
  readonly where: string;
  readonly isLeader: boolean;
  readonly problems: Problem[];
}

/** Filters that all threads have in common are installed by the leader, for all of them. */
export function planSeccomp(
  seccomp: Seccomp,
  { where, isLeader, problems }: SeccompQuestions,
): Pick<ThreadContents, "seccomp" | "expectedSeccomp"> {
  if (seccomp.mode !== "filter") {
    return { seccomp: seccomp.mode === "strict" ? "strict" : [], expectedSeccomp: { mode: seccomp.mode, filters: 0 } };
  }
  const { filters, isShared } = seccomp;
  if (filters.some(notifies)) {
    problems.push({ where, what: "a seccomp filter asks another process what to do, which cannot be restored" });
  }
  const flagsOf = ({ flags }: SeccompFilter) => (
    isShared ? flags | SECCOMP_FILTER_FLAG_TSYNC : flags & ~SECCOMP_FILTER_FLAG_TSYNC
  );
  return {
    seccomp: isShared && !isLeader ? [] : filters.map((filter) => ({ ...filter, flags: flagsOf(filter) })),
    expectedSeccomp: { mode: "filter", filters: filters.length },
  };
}

function notifies({ program }: SeccompFilter): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  for (let at = 0; at + INSTRUCTION_SIZE <= program.length; at += INSTRUCTION_SIZE) {
    const isReturn = view.getUint16(at, true) === RETURN_CONSTANT;
    if (isReturn && (view.getUint32(at + 4, true) & ACTION) >>> 0 === NOTIFY) return true;
  }
  return false;
}
