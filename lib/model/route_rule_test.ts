import assert from "node:assert/strict";
import { aRule, DEFAULT_RULES_TOLD } from "../../tests/support/net_contents.ts";
import type { RouteMessage } from "./route_message.ts";
import { areDefault, DEFAULT_RULES, describeRule, nameRule, plainRule, ruleTable } from "./route_rule.ts";

Deno.test("areDefault() knows the rules of a new namespace", async (t) => {
  const [local, main, last] = DEFAULT_RULES_TOLD as [RouteMessage, RouteMessage, RouteMessage];
  const ofBoot = { ...main, attributes: new Map([...main.attributes, [21, Uint8Array.of(3)]]) };
  const rows: readonly (readonly [string, readonly RouteMessage[], boolean])[] = [
    ["as the kernel tells them", DEFAULT_RULES_TOLD, true],
    ["as they are asked for", DEFAULT_RULES, true],
    ["one is missing", [local, main], false],
    ["one more", [local, main, last, last], false],
    ["one that somebody has added", [local, ofBoot, last], false],
    ["none", [], false],
  ];
  for (const [name, rules, want] of rows) await t.step(name, () => assert.equal(areDefault(rules), want));
});

function without(attribute: number, rule: RouteMessage): RouteMessage {
  return { ...rule, attributes: new Map([...rule.attributes].filter(([type]) => type !== attribute)) };
}

const LOOKS = (action: number) => [2, 8, 24, 0, 7, 0, 0, action, 0, 0, 0, 0];
const NETWORKS = { 1: [10, 0, 0, 0], 2: [10, 1, 2, 0], 15: [7, 0, 0, 0] };

Deno.test("nameRule() tells where packets go, and ruleTable() to which table", async (t) => {
  const rows: readonly (readonly [RouteMessage, string, number | undefined])[] = [
    [aRule({}), "0 table 254", 254],
    [
      aRule({ header: LOOKS(1), attributes: { ...NETWORKS, 6: [1, 1, 0, 0] } }),
      "257 from 10.1.2.0/24 to 10.0.0.0/8 table 7",
      7,
    ],
    [aRule({ header: LOOKS(2), attributes: { 6: [9, 0, 0, 0] } }), "9 goto", undefined],
    [aRule({ header: LOOKS(7), attributes: { 6: [9, 0, 0, 0] } }), "9 unreachable", undefined],
    [aRule({ header: LOOKS(99) }), "0 action 99", undefined],
    [without(15, aRule({ header: LOOKS(1) })), "0 table 7", 7],
  ];
  for (const [rule, name, table] of rows) {
    await t.step(name, () => {
      assert.equal(nameRule(rule), name);
      assert.equal(ruleTable(rule), table);
    });
  }
});

const withFlags = (flags: number) => aRule({ header: [2, 0, 0, 0, 254, 0, 0, 1, flags, 0, 0, 0] });

Deno.test("plainRule() leaves out what the kernel derives, and tells the priority", () => {
  const { header, attributes } = plainRule({ ...withFlags(0x1e), attributes: new Map([[18, new Uint8Array(0)]]) });
  assert.equal(header[8], 2);
  assert.deepEqual(attributes, new Map([[6, new Uint8Array(4)]]));
  assert.deepEqual(plainRule(aRule({ attributes: { 6: [9, 0, 0, 0] } })).attributes.get(6), Uint8Array.of(9, 0, 0, 0));
});

Deno.test("describeRule() tells what matters", () => {
  const rule = aRule({ attributes: { 6: [9, 0, 0, 0] } });
  assert.equal(describeRule(rule), "9 table 254 02000000fe00000100000000 6:09000000 14:ffffffff 15:fe000000 21:02");
  assert.equal(describeRule(withFlags(0x1c)), describeRule(withFlags(0)));
  assert.notEqual(describeRule(withFlags(2)), describeRule(withFlags(0)));
  const told = aRule({ attributes: { 21: [0] } });
  assert.equal(describeRule(without(21, told)), describeRule(told));
  assert.equal(describeRule(without(15, told)), describeRule(told));
});
