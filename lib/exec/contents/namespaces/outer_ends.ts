import { SysError } from "../../../errors.ts";
import { parseDeviceNames } from "../../../host/parse_proc_net.ts";
import { IFF_UP } from "../../../model/net_device.ts";
import {
  encodeRouteBody,
  IFLA_IFNAME,
  IFLA_MASTER,
  linkHeader,
  numberAt,
  numberValue,
  type RouteMessage,
  RTM_SETLINK,
  textValue,
} from "../../../model/route_message.ts";
import type { OuterEnd } from "../../../plan/plan.ts";
import { readText } from "../../../sys/files.ts";
import type { Sys } from "../../../sys/sys.ts";
import { askHere, lookHere } from "./ask_here.ts";
import type { Observation } from "./observation.ts";
import { askThrough, lookAtDevice, type RouteContext, withHostSocket } from "./route_requests.ts";

/** Places in `struct ifinfomsg`. */
const INDEX = 4;
const FLAGS = 8;

const GONE_TIMEOUT_MS = 30_000;
const GONE_PAUSE_MS = 5;

/** The index of a bridge in cgrestore's own net namespace; `read` throws a `SysError` when there is none. */
export function findBridge(context: RouteContext, name: string): Observation<number> {
  const { calls, read } = lookAtDevice(context, name);
  return { calls: withHostSocket(context, calls), read: () => numberAt(read().header, INDEX) ?? 0 };
}

/**
 * Makes the end of a device in cgrestore's own net namespace a part of a bridge there; `read` throws a `SysError` when
 * it has not become that. From then on, packets get to the tasks.
 */
export function connectOuterEnd(context: RouteContext, end: OuterEnd, index: number): Observation<void> {
  const { name } = end;
  const attempt = attemptOf(end);
  const body = encodeConnection(name, index);
  const asked = askThrough(context, [{ attempt, type: RTM_SETLINK, flags: 0, body, tolerated: [] }]);
  const made = lookAtDevice(context, name);
  return {
    calls: withHostSocket(context, (fd) => [...asked.calls(fd), ...made.calls(fd)]),
    read() {
      asked.read();
      checkConnection(made.read(), { index, attempt });
    },
  };
}

/**
 * The same without the coordinator, which has no rights outside of a user namespace.
 *
 * @throws {SysError} when there is no such bridge, or the end has not become a part of it
 */
export function connectFromHere(sys: Sys, end: OuterEnd & { readonly bridge: string }): void {
  const index = numberAt(lookHere(sys, end.bridge).header, INDEX) ?? 0;
  const attempt = attemptOf(end);
  askHere(sys, { attempt, type: RTM_SETLINK, flags: 0, body: encodeConnection(end.name, index) });
  checkConnection(lookHere(sys, end.name), { index, attempt });
}

function attemptOf({ name, bridge }: OuterEnd): string {
  return `Cannot connect the device "${name}" to the bridge "${bridge}"`;
}

function checkConnection(
  { header, attributes }: RouteMessage,
  { index, attempt }: { readonly index: number; readonly attempt: string },
): void {
  const isUp = ((numberAt(header, FLAGS) ?? 0) & IFF_UP) !== 0;
  if (isUp && numberAt(attributes.get(IFLA_MASTER)) === index) return;
  throw new SysError("rtnetlink", "ENODEV", attempt, "it is no part of it");
}

function encodeConnection(name: string, bridge: number): Uint8Array {
  const attributes = new Map([[IFLA_IFNAME, textValue(name)], [IFLA_MASTER, numberValue(bridge)]]);
  return encodeRouteBody({ header: linkHeader(0, { value: IFF_UP, mask: IFF_UP }), attributes });
}

/** Those of some names that devices have in cgrestore's own net namespace. */
export function takenNames(sys: Sys, names: readonly string[]): string[] {
  const taken = parseDeviceNames(readText(sys, "/proc/net/dev"));
  return names.filter((name) => taken.has(name));
}

/** Waits until devices are gone: the kernel removes those of a net namespace some time after its last task. */
export function awaitGone(sys: Sys, names: readonly string[]): void {
  for (let waited = 0; waited < GONE_TIMEOUT_MS; waited += GONE_PAUSE_MS) {
    if (takenNames(sys, names).length === 0) return;
    sys.sleep(GONE_PAUSE_MS);
  }
  throw new SysError("rtnetlink", "ETIMEDOUT", `Cannot wait for the end of the device ${names.join(", ")}`);
}
