import { orUndefined } from "../errors.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { parseStatus, type ProcStatus } from "./parse_status.ts";
import type { OwnState } from "./host.ts";

/** What cgrestore itself is like, as far as its descendants inherit it. */
export function describeOwnState(sys: Sys): OwnState {
  const loginUid = orUndefined(["ENOENT"], () => readText(sys, "/proc/self/loginuid"));
  return {
    ...fromStatus(parseStatus(readText(sys, "/proc/self/status"))),
    ...parseScheduling(readText(sys, "/proc/self/stat")),
    oomScoreAdjustment: Number(readText(sys, "/proc/self/oom_score_adj")),
    ...loginUid === undefined ? {} : { loginUid: Number(loginUid) },
    limits: parseLimits(readText(sys, "/proc/self/limits")),
  };
}

type FromStatus = Omit<OwnState, "nice" | "policy" | "oomScoreAdjustment" | "loginUid" | "limits">;

/** What a status tells of them. */
function fromStatus({ words, mask }: ProcStatus): FromStatus {
  const numbers = (name: string) => words(name).map(Number);
  const four = (name: string): [number, number, number, number] => {
    const [real = 0, effective = 0, saved = 0, fs = 0] = numbers(name);
    return [real, effective, saved, fs];
  };
  return {
    uids: four("Uid"),
    gids: four("Gid"),
    groups: numbers("Groups").sort((a, b) => a - b),
    inheritable: mask("CapInh"),
    permitted: mask("CapPrm"),
    effective: mask("CapEff"),
    bounding: mask("CapBnd"),
    ambient: mask("CapAmb"),
    noNewPrivileges: words("NoNewPrivs")[0] === "1",
    hasSeccomp: (words("Seccomp")[0] ?? "0") !== "0",
  };
}

/** Fields of `/proc/PID/stat` behind the name: the first is the state (proc_pid_stat(5) counts from 3). */
const NICE = 19 - 3;
const POLICY = 41 - 3;

/** Nice value and policy from `/proc/PID/stat`. */
export function parseScheduling(text: string): Pick<OwnState, "nice" | "policy"> {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { nice: Number(fields[NICE] ?? 0), policy: Number(fields[POLICY] ?? 0) };
}

const UNLIMITED = 2n ** 64n - 1n;

/** Names in `/proc/PID/limits`, by resource number (asm-generic/resource.h). */
const LIMITS = [
  "Max cpu time",
  "Max file size",
  "Max data size",
  "Max stack size",
  "Max core file size",
  "Max resident set",
  "Max processes",
  "Max open files",
  "Max locked memory",
  "Max address space",
  "Max file locks",
  "Max pending signals",
  "Max msgqueue size",
  "Max nice priority",
  "Max realtime priority",
  "Max realtime timeout",
] as const;

/** Reads `/proc/PID/limits` (proc_pid_limits(5)). */
export function parseLimits(text: string): OwnState["limits"] {
  const lines = text.split("\n");
  return LIMITS.map((name) => {
    const words = lines.find((line) => line.startsWith(name))?.slice(name.length).trim().split(/\s+/) ?? [];
    const [soft = UNLIMITED, hard = UNLIMITED] = words.slice(0, 2).map((word) => (
      word === "unlimited" ? UNLIMITED : BigInt(word)
    ));
    return { soft, hard };
  });
}
