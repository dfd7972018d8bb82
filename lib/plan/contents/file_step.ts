import type { CloseConnectionStep, ConnectionStep, ResumeConnectionStep } from "./files/plan_connection.ts";
import type { EventfdStep } from "./files/plan_eventfd.ts";
import type { InetSocketsStep } from "./files/plan_inet_socket.ts";
import type { AdjustStep, MemfdStep, ReopenStep, SealStep } from "./files/plan_memory_file.ts";
import type { NetlinkSocketStep } from "./files/plan_netlink_socket.ts";
import type { PacketSocketStep } from "./files/plan_packet_socket.ts";
import type { OpenPathStep } from "./files/plan_path.ts";
import type { PipeStep } from "./files/plan_pipe.ts";
import type { SegmentStep } from "./files/plan_segment.ts";
import type { UnixStep } from "./files/unix/unix_step.ts";

/** How one open file, or several that belong together, are made in the coordinator. */
export type FileStep =
  | OpenPathStep
  | PipeStep
  | EventfdStep
  | UnixStep
  | InetSocketsStep
  | ConnectionStep
  | CloseConnectionStep
  | ResumeConnectionStep
  | NetlinkSocketStep
  | PacketSocketStep
  | SegmentStep
  | MemfdStep
  | ReopenStep
  | AdjustStep
  | SealStep;

/** What every step has. */
export interface StepBase {
  /** What it is for people: `"/usr/bin/sleep"`, `"pipe 7"`. */
  readonly what: string;
}
