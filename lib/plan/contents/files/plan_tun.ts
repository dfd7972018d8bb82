import type { PathFile, TunAttachment } from "../../../model/files/path_file.ts";
import type { TunDevice } from "../../../model/namespaces.ts";
import { ELSEWHERE, netsOf } from "../../../model/net_numbers.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { IN_OTHER_NETWORK } from "./plan_inet_socket.ts";
import { planPath } from "./plan_path.ts";

/** Attaches an open /dev/net/tun to a device that is there, as one of its queues. */
export interface AttachTunStep extends StepBase {
  readonly kind: "attach-tun";
  readonly handle: Handle;
  readonly device: string;
  readonly tun: TunDevice;
  readonly isDetached: boolean;
}

/** The handle of an open /dev/net/tun that is attached to a device. */
export function planTun(
  planner: FilePlanner,
  file: PathFile,
  { device, isDetached }: TunAttachment,
  holder: string,
): Handle | undefined {
  const what = `the tun device ${JSON.stringify(device)}`;
  const { network = 0 } = file;
  if (network === ELSEWHERE) return planner.refuse(`${holder}, ${what}`, IN_OTHER_NETWORK);
  const tun = findTun(planner, device, network);
  if (tun === undefined) return planner.refuse(`${holder}, ${what}`, "the images do not have the device");
  const handle = planPath(planner, file, holder);
  if (handle === undefined) return undefined;
  planner.expect(handle, { lines: [`iff: ${device}`] });
  planner.late.push({ kind: "attach-tun", handle, what, device, tun, isDetached });
  return handle;
}

function findTun({ contents }: FilePlanner, name: string, network: number): TunDevice | undefined {
  const net = netsOf(contents.namespaces)[network];
  return net?.kind === "own" ? net.devices.find((device) => device.name === name)?.tun : undefined;
}
