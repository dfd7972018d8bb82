import type { NetContents } from "../../../model/namespaces.ts";
import { encodeRouteBody, NLM_F_CREATE, type RouteMessage, RTM_NEWRULE } from "../../../model/route_message.ts";
import { DEFAULT_RULES, FRA_UID_RANGE, nameRule, plainRule, ruleTable } from "../../../model/route_rule.ts";
import { attributeObstacle } from "./attribute_obstacle.ts";
import type { RouteRequest } from "./net_plan.ts";

/** Facts of rtnetlink(7) (linux/rtnetlink.h, linux/fib_rules.h). */
const RTM_DELRULE = 33;
const AF_INET = 2;

/** Attributes that can be given back as they are. */
const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set([
  ...[1, 2, 3, 4, 6, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, FRA_UID_RANGE],
  ...[21, 22, 23, 24, 25, 26, 27, 28, 29, 30],
]);

/** Where rules of a new namespace lead to; 0: to none in particular. */
const USUAL_TABLES: ReadonlySet<number> = new Set([0, 253, 254, 255]);

/**
 * Why rules for routes cannot be restored.
 *
 * @param hasUsers whether the tasks have a user namespace, in which ids have other numbers than images tell
 */
export function findRuleObstacles({ rules = [] }: NetContents, hasUsers: boolean): string[] {
  return rules.flatMap((rule) => ruleObstacles(rule, hasUsers));
}

function ruleObstacles(rule: RouteMessage, hasUsers: boolean): string[] {
  const { header, attributes } = rule;
  const what = `the rule for routes ${nameRule(rule)}`;
  if (header[0] !== AF_INET) return [`${what} cannot be restored: it is of family ${header[0]}`];
  if (attributes.has(FRA_UID_RANGE) && hasUsers) {
    return [`${what} cannot be restored: it is for some users, and the tasks have a user namespace`];
  }
  return attributeObstacle(rule, { what, known: KNOWN_ATTRIBUTES });
}

/** What rules lead to, and images have nothing of. */
export function notesOnRules({ rules = [] }: NetContents): string[] {
  const tables = rules.map(ruleTable).filter((table) => table !== undefined && !USUAL_TABLES.has(table));
  return [...new Set(tables)].map((table) => (
    `Rules for routes lead to table ${table}, of which images have no routes`
  ));
}

/** Gives a new namespace its rules for routes instead of those that it is born with. */
export function replaceRules({ rules }: NetContents): RouteRequest[] {
  if (rules === undefined) return [];
  return [
    ...DEFAULT_RULES.map((rule) => requestRule(rule, { verb: "remove", type: RTM_DELRULE, flags: 0 })),
    ...rules.map((rule) => requestRule(plainRule(rule), { verb: "add", type: RTM_NEWRULE, flags: NLM_F_CREATE })),
  ];
}

function requestRule(
  rule: RouteMessage,
  { verb, ...request }: { readonly verb: string; readonly type: number; readonly flags: number },
): RouteRequest {
  const attempt = `Cannot ${verb} the rule for routes ${nameRule(rule)}`;
  return { attempt, ...request, body: encodeRouteBody(rule), tolerated: [] };
}
