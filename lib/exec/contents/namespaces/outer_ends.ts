import { SysError } from "../../../errors.ts";
import { describeDevices } from "../../../host/describe_devices.ts";
import { parseDeviceNames } from "../../../host/parse_proc_net.ts";
import { IFF_UP } from "../../../model/net_device.ts";
import {
  encodeRouteBody,
  IFLA_IFNAME,
  IFLA_MASTER,
  linkHeader,
  NLM_F_CREATE,
  NLM_F_EXCL,
  numberAt,
  numberValue,
  RTM_NEWLINK,
  RTM_SETLINK,
  textValue,
} from "../../../model/route_message.ts";
import type { DevicePair, FillNet } from "../../../plan/contents/namespaces/net_plan.ts";
import { encodeChild, encodePair, makingDevice, makingPair } from "../../../plan/contents/namespaces/plan_devices.ts";
import type { OuterEnd } from "../../../plan/plan.ts";
import { O_RDONLY } from "../../../sys/constants.ts";
import { readText } from "../../../sys/files.ts";
import type { Sys } from "../../../sys/sys.ts";
import { askHere, lookHere } from "./ask_here.ts";

/** Places in `struct ifinfomsg`. */
const INDEX = 4;
const FLAGS = 8;

/** How often a number may have been taken since we have looked. */
const TRIES = 10;

const GONE_TIMEOUT_MS = 30_000;
const GONE_PAUSE_MS = 5;

/**
 * Makes the devices with an end or a parent in cgrestore's own net namespace, for the one that a file of /proc is.
 *
 * @throws {SysError} the first failure
 */
export function makeFromOutside(
  sys: Sys,
  { pairs, children }: Pick<FillNet, "pairs" | "children">,
  networkFile: string,
): void {
  if (pairs.length + children.length === 0) return;
  const network = sys.open(networkFile, O_RDONLY);
  try {
    for (const pair of pairs) makePair(sys, { pair, network });
    for (const child of children) {
      askHere(sys, { ...MAKING, attempt: makingDevice(child.device), body: encodeChild(child, network) });
    }
  } finally {
    sys.close(network);
  }
}

const MAKING = { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL } as const;

/** The outer end gets a number that is free: else the inner one could not have its own. */
function makePair(sys: Sys, { pair, network }: { readonly pair: DevicePair; readonly network: number }): void {
  const request = { ...MAKING, attempt: makingPair(pair) };
  for (let tries = 1;; tries++) {
    const { devices } = describeDevices(sys);
    const index = Math.max(...devices.keys()) + 1;
    try {
      return askHere(sys, { ...request, body: encodePair(pair, { index, network }) });
    } catch (error) {
      const isTaken = error instanceof SysError && error.code === "EEXIST" && describeDevices(sys).devices.has(index);
      if (!isTaken || tries === TRIES) throw error;
    }
  }
}

/**
 * Makes the end of a device in cgrestore's own net namespace a part of a bridge there. From then on, packets get to the
 * tasks.
 *
 * @throws {SysError} when there is no such bridge, or the end has not become a part of it
 */
export function connectOuterEnd(sys: Sys, end: OuterEnd & { readonly bridge: string }): void {
  const { name, bridge } = end;
  const index = numberAt(lookHere(sys, bridge).header, INDEX) ?? 0;
  const attempt = `Cannot connect the device "${name}" to the bridge "${bridge}"`;
  askHere(sys, { attempt, type: RTM_SETLINK, flags: 0, body: encodeConnection(name, index) });
  const { header, attributes } = lookHere(sys, name);
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
