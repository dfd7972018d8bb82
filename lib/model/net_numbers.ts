import type { NamespaceContents, NetNamespace } from "./namespaces.ts";

/** Instead of a number: a net namespace that none of the tasks is in. */
export const ELSEWHERE = -1;

/**
 * The number of a net namespace: 0 is that of the root task, which everything is in of which nothing is said.
 *
 * @param ids of the namespaces that tasks are in, by their numbers; none when the images do not tell
 */
export function netNumber(id: number | undefined, ids: readonly number[]): number {
  return id === undefined || ids.length === 0 ? 0 : ids.indexOf(id);
}

/** `"net namespace 2"`: people count from that of the root task on, which has no number where there is no other one. */
export function nameNetNamespace(number: number): string {
  return number === 0 ? "net namespace" : countNetNamespace(number);
}

/** The same where there are others: that of the root task is `"net namespace 1"`. */
export function countNetNamespace(number: number): string {
  return `net namespace ${number + 1}`;
}

/** Those of all tasks, by their numbers. */
export function netsOf({ net, nestedNets = [] }: Pick<NamespaceContents, "net" | "nestedNets">): NetNamespace[] {
  return net === undefined ? [] : [net, ...nestedNets];
}
