import assert from "node:assert/strict";
import type { FilterTool, PacketFilters } from "../../../model/packet_filters.ts";
import { planFilters, programsOf } from "./plan_filters.ts";

const ENTER = { nsenter: "/bin/nsenter" };

function filtersOf(tool: FilterTool, ...rules: readonly string[]): PacketFilters {
  return { tool, text: rules.join("\n"), rules };
}

function plan(filters: readonly PacketFilters[], programs: Readonly<Record<string, string>>) {
  const problems: string[] = [];
  const loads = planFilters(filters, {
    programs: new Map(Object.entries(programs)),
    refuse: (what) => void problems.push(what),
  });
  return { commands: loads.map(({ enter, command }) => [enter, ...command].join(" ")), problems };
}

Deno.test("planFilters() takes the program that is here", async (t) => {
  const legacy = filtersOf("iptables-legacy", "-A INPUT -j DROP");
  const rows: { name: string; filters: PacketFilters[]; programs: Record<string, string>; want: string[] }[] = [
    { name: "none is needed", filters: [], programs: {}, want: [] },
    {
      name: "the one for such rules",
      filters: [legacy],
      programs: { ...ENTER, "iptables-legacy-restore": "/sbin/ilr", "iptables-restore": "/sbin/ir" },
      want: ["/bin/nsenter /sbin/ilr -w"],
    },
    {
      name: "the one that there is",
      filters: [legacy, filtersOf("ip6tables-nft", "-A INPUT -j DROP")],
      programs: { ...ENTER, "iptables-restore": "/sbin/ir", "ip6tables-restore": "/sbin/i6r" },
      want: ["/bin/nsenter /sbin/ir -w", "/bin/nsenter /sbin/i6r -w"],
    },
    {
      name: "nft",
      filters: [filtersOf("nft", "drop")],
      programs: { ...ENTER, nft: "/sbin/nft" },
      want: ["/bin/nsenter /sbin/nft -f -"],
    },
  ];
  for (const { name, filters, programs, want } of rows) {
    await t.step(name, () => assert.deepEqual(plan(filters, programs), { commands: want, problems: [] }));
  }
});

Deno.test("planFilters() refuses what cannot be loaded", async (t) => {
  const missing = (names: string) => `its rules for packets need ${names}, which is not in PATH: install it`;
  const rows: { name: string; filters: PacketFilters[]; programs: Record<string, string>; want: string[] }[] = [
    {
      name: "no program",
      filters: [filtersOf("iptables-nft", "-A INPUT -j DROP")],
      programs: ENTER,
      want: [missing("iptables-nft-restore or iptables-restore")],
    },
    {
      name: "nothing to enter the namespace with",
      filters: [filtersOf("nft", "drop"), filtersOf("nft", "drop")],
      programs: { nft: "/sbin/nft" },
      want: [missing("nsenter")],
    },
    {
      name: "a rule that nft only shows",
      filters: [filtersOf("nft", 'xt match "time" drop', "drop")],
      programs: { ...ENTER, nft: "/sbin/nft" },
      want: ['the rule "xt match \\"time\\" drop" is one of iptables, which nft cannot load'],
    },
  ];
  for (const { name, filters, programs, want } of rows) {
    await t.step(name, () => assert.deepEqual(plan(filters, programs).problems, want));
  }
});

Deno.test("programsOf() tells what may be needed", () => {
  assert.deepEqual(programsOf([{ kind: "empty" }]), []);
  assert.deepEqual(programsOf([]), []);
});
