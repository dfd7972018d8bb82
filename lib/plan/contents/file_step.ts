import type {
  CloseConnectionStep,
  ConnectionStep,
  HearConnectionStep,
  ResumeConnectionStep,
} from "./files/plan_connection.ts";
import type { EpollStep } from "./files/plan_epoll.ts";
import type { EventfdStep } from "./files/plan_eventfd.ts";
import type { AddMarkStep, FanotifyStep } from "./files/plan_fanotify.ts";
import type { CloseStep, FillPipeStep } from "./files/plan_fifo.ts";
import type { GhostStep } from "./files/plan_ghost.ts";
import type { InetSocketsStep } from "./files/plan_inet_socket.ts";
import type { InheritStep } from "./files/plan_inherited_file.ts";
import type { AddWatchStep, InotifyStep } from "./files/plan_inotify.ts";
import type { AdjustStep, MemfdStep, ReopenStep, SealStep, WriteStep } from "./files/plan_memory_file.ts";
import type { NamespaceStep } from "./files/plan_namespace.ts";
import type { NetlinkSocketStep } from "./files/plan_netlink_socket.ts";
import type { PacketSocketStep } from "./files/plan_packet_socket.ts";
import type { OpenOwnTerminalStep } from "./files/plan_own_terminal.ts";
import type { OpenLinkedStep, OpenPathStep } from "./files/plan_path.ts";
import type { EndedPidfdsStep, PidfdStep } from "./files/plan_pidfd.ts";
import type { PipeStep } from "./files/plan_pipe.ts";
import type { PtyStep } from "./files/plan_pty.ts";
import type { SegmentStep } from "./files/plan_segment.ts";
import type { SignalfdStep } from "./files/plan_signalfd.ts";
import type { OpenTerminalStep } from "./files/plan_terminal_device.ts";
import type { ArmTimerStep, TimerfdStep } from "./files/plan_timerfd.ts";
import type { AttachTunStep } from "./files/plan_tun.ts";
import type { OpenHandleStep } from "./files/plan_watched.ts";
import type { UnixStep } from "./files/unix/unix_step.ts";
import type { HiddenAsyncStep, OwnerStep } from "./plan_owners.ts";

/** How one open file, or several that belong together, are made in the coordinator, or by a deputy. */
export type FileStep =
  | OpenPathStep
  | OpenLinkedStep
  | GhostStep
  | InheritStep
  | FillPipeStep
  | CloseStep
  | PipeStep
  | EventfdStep
  | EpollStep
  | SignalfdStep
  | TimerfdStep
  | ArmTimerStep
  | InotifyStep
  | AddWatchStep
  | FanotifyStep
  | AddMarkStep
  | OpenHandleStep
  | PidfdStep
  | EndedPidfdsStep
  | NamespaceStep
  | OwnerStep
  | HiddenAsyncStep
  | UnixStep
  | InetSocketsStep
  | ConnectionStep
  | CloseConnectionStep
  | HearConnectionStep
  | AttachTunStep
  | ResumeConnectionStep
  | NetlinkSocketStep
  | PacketSocketStep
  | SegmentStep
  | MemfdStep
  | ReopenStep
  | AdjustStep
  | SealStep
  | WriteStep
  | PtyStep
  | OpenTerminalStep
  | OpenOwnTerminalStep;

/** What every step has. */
export interface StepBase {
  /** What it is for people: `"/usr/bin/sleep"`, `"pipe 7"`. */
  readonly what: string;
  /** Number of the mount namespace that its paths are of; absent: that of the root task. */
  readonly mountNamespace?: number;
  /** Number of the net namespace that its sockets, and what it opens, are of; absent: that of the root task. */
  readonly network?: number;
  /** The number of the deputy who does it, because the kernel remembers in which cgroup that was; absent: the coordinator. */
  readonly deputy?: number;
}

/** What a step has that is done in a net namespace. */
export function inNetwork(network: number): Pick<StepBase, "network"> {
  return network === 0 ? {} : { network };
}
