import assert from "node:assert/strict";
import { aNet, aRule } from "../../../../tests/support/net_contents.ts";
import type { RouteMessage } from "../../../model/route_message.ts";
import { findRuleObstacles, notesOnRules, replaceRules } from "./plan_rules.ts";

const LEAD = "the rule for routes 0 table 254 cannot be restored: ";

Deno.test("findRuleObstacles() finds what cannot be restored", async (t) => {
  const users = { 20: [1, 0, 0, 0, 2, 0, 0, 0] };
  const rows: readonly (readonly [string, RouteMessage, hasUsers: boolean, want: string | undefined])[] = [
    ["nothing", aRule({ attributes: { 18: [], 30: [1] } }), true, undefined],
    ["another family", aRule({ header: [10, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0] }), false, "it is of family 10"],
    ["attributes", aRule({ attributes: { 5: [1], 31: [1] } }), false, "it has attributes 5, 31"],
    ["users", aRule({ attributes: users }), false, undefined],
    [
      "users of a namespace",
      aRule({ attributes: users }),
      true,
      "it is for some users, and the tasks have a user namespace",
    ],
  ];
  for (const [name, rule, hasUsers, want] of rows) {
    await t.step(name, () => {
      assert.deepEqual(
        findRuleObstacles(aNet({ rules: [rule] }), hasUsers),
        want === undefined ? [] : [`${LEAD}${want}`],
      );
    });
  }
  assert.deepEqual(findRuleObstacles(aNet(), true), []);
});

Deno.test("notesOnRules() tells of tables that images have nothing of", () => {
  const blackhole = aRule({ header: [2, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0], attributes: { 15: [0, 0, 0, 0] } });
  const seven = aRule({ attributes: { 15: [7, 0, 0, 0] } });
  const nine = aRule({ attributes: { 15: [9, 1, 0, 0] } });
  assert.deepEqual(notesOnRules(aNet({ rules: [seven, aRule({}), blackhole, nine, seven] })), [
    "Rules for routes lead to table 7, of which images have no routes",
    "Rules for routes lead to table 265, of which images have no routes",
  ]);
  assert.deepEqual(notesOnRules(aNet()), []);
});

Deno.test("replaceRules() removes the rules of a new namespace, and adds others", () => {
  const header = [2, 0, 0, 0, 254, 0, 0, 1, 8, 0, 0, 0];
  const requests = replaceRules(aNet({ rules: [aRule({ header, attributes: { 18: [] } })] }));
  assert.deepEqual(requests.map(({ attempt, type, flags }) => ({ attempt, type, flags })), [
    { attempt: "Cannot remove the rule for routes 0 table 255", type: 33, flags: 0 },
    { attempt: "Cannot remove the rule for routes 32766 table 254", type: 33, flags: 0 },
    { attempt: "Cannot remove the rule for routes 32767 table 253", type: 33, flags: 0 },
    { attempt: "Cannot add the rule for routes 0 table 254", type: 32, flags: 0x400 },
  ]);
  const attributes = "0800060000000000" + "08000e00ffffffff" + "08000f00fe000000" + "0500150002000000";
  assert.equal(requests.at(-1)?.body.toHex(), "02000000fe00000100000000" + attributes);
});

Deno.test("replaceRules() leaves a new namespace what it has, or nothing", () => {
  assert.deepEqual(replaceRules(aNet()), []);
  assert.equal(replaceRules(aNet({ rules: [] })).length, 3);
});
