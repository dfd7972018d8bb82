import { SysError } from "../../errors.ts";
import { renderAddress } from "../../model/inet_address.ts";
import {
  AF_NETLINK,
  ANSWER_SIZE,
  errorOf,
  MSG_DONTWAIT,
  NETLINK_NETFILTER,
  SOCK_RAW,
} from "../../model/netlink_message.ts";
import type { LockRule, NetworkUnlock } from "../../plan/contents/plan_network_unlock.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Tracee } from "../../tracee/tracee.ts";
import { deleteTable } from "./nftables.ts";
import { type ContentsContext, remoteCall } from "./remote.ts";
import { type ProgramFailure, runProgram } from "./run_program.ts";

export interface UnlockOptions {
  readonly sys: Sys;
  readonly context: ContentsContext;
  readonly coordinator: Tracee;
  /** Told what could not be done although that need not matter. */
  readonly note: (text: string) => void;
}

/**
 * Takes away the lock that the dump left on the network. There is none where the dump was made on another host, or
 * where somebody else has taken it away.
 *
 * @throws {SysError} when there is one, and it stays
 */
export function unlockNetwork(unlock: NetworkUnlock, options: UnlockOptions): void {
  if (unlock.kind === "nftables") unlockWithNftables(unlock.tables, options);
  else if (unlock.kind === "iptables") removeRules(unlock.rules, options);
  else unlockWithIptables(chainCommands(unlock.chain, options.coordinator.pid), options);
}

/** What a kernel answers that has no such table, or no tables at all. */
const ABSENT: readonly string[] = ["ENOENT", "EOPNOTSUPP", "EPROTONOSUPPORT"];

function unlockWithNftables(tables: readonly string[], options: UnlockOptions): void {
  for (const table of tables) {
    const attempt = `Cannot unlock the network, which the table "${table}" of nftables locks`;
    const code = askToDelete(table, attempt, options);
    if (code !== undefined && !ABSENT.includes(code)) throw new SysError("nftables", code, attempt);
  }
}

/** The name of the errno that was answered; `undefined` for success. */
function askToDelete(table: string, attempt: string, { sys, context, coordinator }: UnlockOptions): string | undefined {
  const answer = new Uint8Array(ANSWER_SIZE);
  const request = deleteTable(table);
  const fd = 0;
  try {
    coordinator.run([
      remoteCall(context, "socket", [AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER], { attempt, expected: fd }),
      remoteCall(context, "sendto", [fd, request, request.length, 0, 0, 0], { attempt, expected: request.length }),
      remoteCall(context, "recvfrom", [fd, { output: answer }, ANSWER_SIZE, MSG_DONTWAIT, 0, 0], { attempt }),
      remoteCall(context, "close", [fd], { attempt }),
    ]);
  } catch (error) {
    // Then there is no socket that would have to be closed.
    if (error instanceof SysError && error.code === "EPROTONOSUPPORT") return error.code;
    throw error;
  }
  const error = errorOf(answer);
  return error === 0 ? undefined : sys.errnoName(error);
}

/**
 * All rules of a protocol go at once, as each run of iptables reads the whole table. That fails when one of them is not
 * there, and nothing is done: so each goes by itself then.
 */
function removeRules(rules: readonly LockRule[], options: UnlockOptions): void {
  for (const [program, some] of Map.groupBy(rules, programOf)) {
    const lines = ["*filter", ...some.map((rule) => deletionOf(rule).join(" ")), "COMMIT"];
    const command = [`${program}-restore`, "-w", "--noflush"];
    const failure = runProgram(options.sys, command, lines.map((line) => `${line}\n`).join(""));
    if (failure === undefined) continue;
    unlockWithIptables(some.map((rule) => [program, "-w", "-t", "filter", ...deletionOf(rule)]), options);
  }
}

/** Rules cannot be looked at without it: one that is not there looks like a failure. */
function unlockWithIptables(commands: readonly (readonly string[])[], { sys, note }: UnlockOptions): void {
  const problems = new Set(commands.flatMap((command) => describeFailure(runProgram(sys, command))));
  for (const problem of problems) note(`Rules that lock connections of this checkpoint may still be there: ${problem}`);
}

function describeFailure(failure: ProgramFailure | undefined): string[] {
  if (failure === undefined) return [];
  const { command, end, said } = failure;
  return [`${command} has failed, ${end}${said === "" ? "" : `: ${said}`}`];
}

function programOf({ from }: LockRule): string {
  return from.address.length === 4 ? "iptables" : "ip6tables";
}

/** Packets with CRIU's own mark are let through by the rule (criu/netfilter.c). */
function deletionOf({ chain, from, to }: LockRule): string[] {
  return [
    ...["-D", chain, "--protocol", "tcp", "-m", "mark", "!", "--mark", "0xC114"],
    ...["--source", renderAddress(from.address), "--sport", String(from.port)],
    ...["--destination", renderAddress(to.address), "--dport", String(to.port)],
    ...["-j", "DROP"],
  ];
}

/** In the net namespace of a process, the chain can be deleted when nothing leads to it, and nothing is in it. */
function chainCommands(chain: string, pid: number): string[][] {
  return ["iptables", "ip6tables"].flatMap((program) =>
    [
      ...["INPUT", "OUTPUT"].map((from) => ["-D", from, "-j", chain]),
      ["-F", chain],
      ["-X", chain],
    ].map((args) => ["nsenter", `--net=/proc/${pid}/ns/net`, program, "-w", "-t", "filter", ...args])
  );
}
