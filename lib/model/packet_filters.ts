/** The chain with which CRIU locks a network while it dumps (`iptables_network_lock_internal`, criu/net.c). */
export const LOCK_CHAIN = "CRIU";
const LOCK_RULES: readonly string[] = ["-A INPUT -j CRIU", "-A OUTPUT -j CRIU"];

/** What iptables-save(8) has written, but for chains without rules that let everything through and the lock of a dump. */
export function findIptablesRules(text: string): string[] {
  return linesOf(text).filter((line) => {
    if (line === "COMMIT" || line.startsWith("*")) return false;
    if (line.startsWith(`-A ${LOCK_CHAIN} `) || line.startsWith(`:${LOCK_CHAIN} - `)) return false;
    return !LOCK_RULES.includes(line) && !/^:\S+ ACCEPT /.test(line);
  });
}

/**
 * What nft(8) has written with "list ruleset", but for chains without rules that let everything through and the lock of
 * a dump: tables of its own, or the chain that iptables has made with nftables.
 */
export function findNftablesRules(text: string, lockTables: readonly string[]): string[] {
  const found: string[] = [];
  let table = "";
  let chain: string | undefined;
  for (const line of linesOf(text)) {
    const [, kind, name = ""] = /^(table|chain) (.*) \{$/.exec(line) ?? [];
    if (kind === "table") table = name;
    else if (kind === "chain") chain = name;
    else if (line === "}") chain = undefined;
    else if (!isLock(line, { table, chain, lockTables }) && !isOpenHook(line)) found.push(line);
  }
  return found;
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
}

function isLock(line: string, place: {
  readonly table: string;
  readonly chain: string | undefined;
  readonly lockTables: readonly string[];
}): boolean {
  const { table, chain, lockTables } = place;
  return lockTables.some((name) => table === `inet ${name}`) || chain === LOCK_CHAIN ||
    line.endsWith(` jump ${LOCK_CHAIN}`);
}

/** What a chain of nftables is for. */
function isOpenHook(line: string): boolean {
  return /^type .*; policy accept;$/.test(line);
}
