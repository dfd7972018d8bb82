/** Rules for packets, as the program writes them that saves them all, and as the one takes them that loads them. */
export interface PacketFilters {
  readonly tool: FilterTool;
  /** All of it but the lock of a dump. */
  readonly text: string;
  /** The lines of it that a new namespace does not have. */
  readonly rules: readonly string[];
}

/** Programs of iptables come in two makes, one for tables of its own and one for those of nftables. */
export type FilterTool = "iptables-legacy" | "iptables-nft" | "ip6tables-legacy" | "ip6tables-nft" | "nft";

/** The chain with which CRIU locks a network while it dumps (`iptables_network_lock_internal`, criu/net.c). */
export const LOCK_CHAIN = "CRIU";
const LOCK_RULES: readonly string[] = ["-A INPUT -j CRIU", "-A OUTPUT -j CRIU"];

/** Reads what iptables-save(8) has written; `undefined` when it is as in a new namespace. */
export function readIptables(family: "iptables" | "ip6tables", text: string): PacketFilters | undefined {
  const lines = text.split("\n").filter((line) => !isIptablesLock(line.trim()));
  const rules = lines.map((line) => line.trim()).filter((line) => (
    line !== "" && line !== "COMMIT" && !/^[#*]/.test(line) && !/^:\S+ ACCEPT /.test(line)
  ));
  const tool = `${family}-${text.includes(" (nf_tables) ") ? "nft" : "legacy"}` as const;
  return buildFilters(tool, { lines, rules });
}

function isIptablesLock(line: string): boolean {
  return line.startsWith(`-A ${LOCK_CHAIN} `) || line.startsWith(`:${LOCK_CHAIN} - `) || LOCK_RULES.includes(line);
}

/**
 * Reads what nft(8) has written with "list ruleset"; `undefined` when it is as in a new namespace. The lock of a dump is
 * a table of its own, or the chain that iptables has made with nftables.
 */
export function readNftables(text: string, lockTables: readonly string[]): PacketFilters | undefined {
  const lines: string[] = [];
  const rules: string[] = [];
  /** The first lines of the blocks that a line is in, the outermost first. */
  const blocks: string[] = [];
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    // What is in a block is indented; its end is not, but a part of it.
    const depth = /^\t*/.exec(line)?.[0].length ?? 0;
    if (trimmed !== "") blocks.splice(trimmed === "}" ? depth + 1 : depth);
    if (!isNftablesLock([...blocks, trimmed], lockTables)) {
      lines.push(line);
      if (isNftablesRule(trimmed)) rules.push(trimmed);
    }
    if (trimmed.endsWith("{")) blocks.push(trimmed);
  }
  return buildFilters("nft", { lines, rules });
}

const JUMP = new RegExp(`(^| )jump ${LOCK_CHAIN}$`);

/** Whether the last of these lines, in the blocks that the others begin, is part of the lock. */
function isNftablesLock([table = "", chain, rule]: readonly string[], lockTables: readonly string[]): boolean {
  return lockTables.some((name) => table === `table inet ${name} {`) || chain === `chain ${LOCK_CHAIN} {` ||
    JUMP.test(rule ?? "");
}

/** Tables, chains and what chains are for are no rules, unless they drop packets. */
function isNftablesRule(line: string): boolean {
  return !/^$|^#|^\}$|^(table|chain) .* \{$|^type .*; policy accept;$/.test(line);
}

function buildFilters(
  tool: FilterTool,
  { lines, rules }: { readonly lines: readonly string[]; readonly rules: readonly string[] },
): PacketFilters | undefined {
  return rules.length === 0 ? undefined : { tool, text: lines.join("\n"), rules };
}
