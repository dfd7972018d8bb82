import { describeAttributes } from "./describe_route.ts";
import { renderAddress } from "./inet_address.ts";
import { numberAt, numberValue, type RouteMessage, RTM_NEWRULE } from "./route_message.ts";

/** Attributes of rules (linux/fib_rules.h). */
export const FRA_PRIORITY = 6;
export const FRA_TABLE = 15;
export const FRA_UID_RANGE = 20;
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_SUPPRESS_PREFIXLEN = 14;
/** It fills up what comes before a number of 64 bits. */
const FRA_PAD = 18;
const FRA_PROTOCOL = 21;

const AF_INET = 2;
const RTPROT_KERNEL = 2;

/** Actions (FR_ACT_*); the first one is to look into a table, others are no way to anywhere. */
export const TO_TABLE = 1;
const ACTIONS: ReadonlyMap<number, string> = new Map([
  [2, "goto"],
  [3, "nop"],
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
]);

/** Places in `struct fib_rule_hdr`. */
const TO_SIZE = 1;
const FROM_SIZE = 2;
const LOW_TABLE = 4;
const ACTION = 7;
const FLAGS = 8;
/** What follows from other rules and from devices (FIB_RULE_UNRESOLVED, _IIF_DETACHED and _OIF_DETACHED). */
const DERIVED_FLAGS = 0x1c;

/** The rules that every namespace has of IPv4 (`fib_default_rules_init`): for all packets, to a table. */
export const DEFAULT_RULES: readonly RouteMessage[] = [
  defaultRule(0, 255),
  defaultRule(32766, 254),
  defaultRule(32767, 253),
];

function defaultRule(priority: number, table: number): RouteMessage {
  return {
    type: RTM_NEWRULE,
    header: Uint8Array.of(AF_INET, 0, 0, 0, table, 0, 0, TO_TABLE, 0, 0, 0, 0),
    attributes: new Map([
      [FRA_PRIORITY, numberValue(priority)],
      [FRA_SUPPRESS_PREFIXLEN, numberValue(0xffff_ffff)],
      [FRA_TABLE, numberValue(table)],
      [FRA_PROTOCOL, Uint8Array.of(RTPROT_KERNEL)],
    ]),
  };
}

/** Whether rules are those of a new namespace. */
export function areDefault(rules: readonly RouteMessage[]): boolean {
  return rules.length === DEFAULT_RULES.length &&
    rules.every((rule, index) => describeRule(rule) === describeRule(DEFAULT_RULES[index] ?? rule));
}

/**
 * A rule as the kernel takes it: without what it derives, and with a priority of 0 that it does not tell, for which it
 * would choose another one.
 */
export function plainRule({ type, header, attributes }: RouteMessage): RouteMessage {
  const plain = new Uint8Array(header);
  new DataView(plain.buffer).setUint32(FLAGS, (numberAt(header, FLAGS) ?? 0) & ~DERIVED_FLAGS, true);
  const given = [...attributes].filter(([type]) => type !== FRA_PAD);
  return { type, header: plain, attributes: new Map([[FRA_PRIORITY, numberValue(0)], ...given]) };
}

/** `"32765 from 10.0.0.0/8 to table 7"`, whatever conditions it has besides. */
export function nameRule({ header, attributes }: RouteMessage): string {
  const action = actionOf(header);
  return [
    numberAt(attributes.get(FRA_PRIORITY)) ?? 0,
    ...nameNetwork("from", attributes.get(FRA_SRC), header[FROM_SIZE]),
    ...nameNetwork("to", attributes.get(FRA_DST), header[TO_SIZE]),
    action === TO_TABLE ? `table ${tableOf({ header, attributes })}` : ACTIONS.get(action) ?? `action ${action}`,
  ].join(" ");
}

function nameNetwork(which: string, address: Uint8Array | undefined, size = 0): string[] {
  return address === undefined ? [] : [`${which} ${renderAddress(address)}/${size}`];
}

/** FR_ACT_* */
function actionOf(header: Uint8Array): number {
  return header[ACTION] ?? 0;
}

/** Those with small numbers may be told in the header only. */
function tableOf({ header, attributes }: Pick<RouteMessage, "header" | "attributes">): number {
  return numberAt(attributes.get(FRA_TABLE)) ?? header[LOW_TABLE] ?? 0;
}

/** The table that a rule leads to, if it leads to one. */
export function ruleTable({ header, attributes }: RouteMessage): number | undefined {
  return actionOf(header) === TO_TABLE ? tableOf({ header, attributes }) : undefined;
}

/** All that matters of a rule, for comparing; older kernels do not tell of whom it is, nor its table twice. */
export function describeRule(rule: RouteMessage): string {
  const { type, header, attributes } = plainRule(rule);
  const untold = [[FRA_PROTOCOL, Uint8Array.of(0)], [FRA_TABLE, numberValue(tableOf(rule))]] as const;
  const all = new Map([...untold, ...attributes]);
  return `${nameRule(rule)} ${header.toHex()} ${describeAttributes({ type, header, attributes: all })}`;
}
