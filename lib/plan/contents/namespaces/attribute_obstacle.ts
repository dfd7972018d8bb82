import type { RouteMessage } from "../../../model/route_message.ts";

/** Why something cannot be given back as it is: attributes of it that are not `known`. */
export function attributeObstacle(
  { attributes }: Pick<RouteMessage, "attributes">,
  { what, known }: { readonly what: string; readonly known: ReadonlySet<number> },
): string[] {
  const unknown = [...attributes.keys()].filter((type) => !known.has(type));
  return unknown.length === 0 ? [] : [`${what} cannot be restored: it has attributes ${unknown.join(", ")}`];
}
