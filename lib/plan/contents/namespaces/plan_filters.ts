import type { NetNamespace } from "../../../model/namespaces.ts";
import type { FilterTool, PacketFilters } from "../../../model/packet_filters.ts";
import type { FilterLoad } from "./net_plan.ts";

/** How a tool's rules are loaded: by the first of some programs that is here. */
interface Loader {
  readonly programs: readonly string[];
  readonly args: readonly string[];
}

/** They wait for each other's lock. Without a make in its name, a program is of the one that its host prefers. */
const IPTABLES = ["-w"];
const LOADERS: Readonly<Record<FilterTool, Loader>> = {
  "iptables-legacy": { programs: ["iptables-legacy-restore", "iptables-restore"], args: IPTABLES },
  "iptables-nft": { programs: ["iptables-nft-restore", "iptables-restore"], args: IPTABLES },
  "ip6tables-legacy": { programs: ["ip6tables-legacy-restore", "ip6tables-restore"], args: IPTABLES },
  "ip6tables-nft": { programs: ["ip6tables-nft-restore", "ip6tables-restore"], args: IPTABLES },
  "nft": { programs: ["nft"], args: ["-f", "-"] },
};

/** Runs another program in a namespace (util-linux). */
const ENTER = "nsenter";

/** What iptables made of it by modules of its own, which nft(8) shows and does not take. */
const FOREIGN_RULE = /\bxt (match|target) "/;

/** Names of the programs that may be needed. */
export function programsOf(nets: readonly NetNamespace[]): string[] {
  const filters = nets.flatMap((net) => net.kind === "own" ? net.filters : []);
  if (filters.length === 0) return [];
  return [...new Set([ENTER, ...filters.flatMap(({ tool }) => LOADERS[tool].programs)])];
}

/** What planning rules for packets has to know. */
export interface FilterQuestions {
  /** Of this host: paths by names. */
  readonly programs: ReadonlyMap<string, string>;
  /** Told what cannot be loaded, and why. */
  readonly refuse: (what: string) => void;
}

/** Plans how rules for packets are loaded. */
export function planFilters(filters: readonly PacketFilters[], { programs, refuse }: FilterQuestions): FilterLoad[] {
  if (filters.length === 0) return [];
  const find = (names: readonly string[]) => {
    const path = names.map((name) => programs.get(name)).find((found) => found !== undefined);
    if (path === undefined) {
      refuse(`its rules for packets need ${names.join(" or ")}, which is not in PATH: install it`);
    }
    return path;
  };
  const enter = find([ENTER]);
  return filters.flatMap(({ tool, text, rules }) => {
    const { programs: names, args } = LOADERS[tool];
    const foreign = tool === "nft" ? rules.filter((rule) => FOREIGN_RULE.test(rule)) : [];
    foreign.forEach((rule) => refuse(`the rule ${JSON.stringify(rule)} is one of iptables, which nft cannot load`));
    const program = find(names);
    if (enter === undefined || program === undefined) return [];
    return [{ tool, enter, command: [program, ...args], text }];
  });
}
