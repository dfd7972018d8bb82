import type { OpenFile } from "../../model/open_file.ts";
import type { Handle } from "./contents_plan.ts";
import { fileKey, type FilePlanner } from "./file_planner.ts";
import { planEpoll } from "./files/plan_epoll.ts";
import { planEventfd } from "./files/plan_eventfd.ts";
import { planFanotify } from "./files/plan_fanotify.ts";
import { planFifo } from "./files/plan_fifo.ts";
import { planInetSocket } from "./files/plan_inet_socket.ts";
import { planInotify } from "./files/plan_inotify.ts";
import { planMemoryFile } from "./files/plan_memory_file.ts";
import { planNamespace } from "./files/plan_namespace.ts";
import { planNetlinkSocket } from "./files/plan_netlink_socket.ts";
import { planPacketSocket } from "./files/plan_packet_socket.ts";
import { planPath } from "./files/plan_path.ts";
import { planPidfd } from "./files/plan_pidfd.ts";
import { planPipe } from "./files/plan_pipe.ts";
import { planSignalfd } from "./files/plan_signalfd.ts";
import { planTimerfd } from "./files/plan_timerfd.ts";
import { planTerminal } from "./files/plan_terminal.ts";
import { planTun } from "./files/plan_tun.ts";
import { planUnixSocket } from "./files/plan_unix_socket.ts";

/**
 * The handle of an open file, whose making is planned here unless it has been already; `undefined`, with the problem
 * told, for what cannot be restored.
 *
 * @param holder who has it, for problems: `task 77, descriptor 5`
 */
export function planFile(planner: FilePlanner, id: number, holder: string): Handle | undefined {
  const known = planner.get(fileKey(id));
  if (known !== undefined) return known;
  const file = planner.contents.files.get(id);
  return file === undefined ? undefined : planNewFile(planner, file, holder);
}

function planNewFile(planner: FilePlanner, file: OpenFile, holder: string): Handle | undefined {
  switch (file.kind) {
    case "path":
      return file.tun === undefined ? planPath(planner, file, holder) : planTun(planner, file, file.tun, holder);
    case "pipe":
      return planPipe(planner, file);
    case "fifo":
      return planFifo(planner, file, holder);
    case "eventfd":
      return planEventfd(planner, file, holder);
    case "epoll":
      return planEpoll(planner, file, holder);
    case "signalfd":
      return planSignalfd(planner, file);
    case "timerfd":
      return planTimerfd(planner, file, holder);
    case "inotify":
      return planInotify(planner, file, holder);
    case "fanotify":
      return planFanotify(planner, file, holder);
    case "pidfd":
      return planPidfd(planner, file, holder);
    case "namespace":
      return planNamespace(planner, file, holder);
    case "memfd":
      return planMemoryFile(planner, file);
    case "terminal":
      return planTerminal(planner, file, holder);
    case "unix":
      return planUnixSocket(planner, file, { holder, planInFlight: (inFlight, of) => planFile(planner, inFlight, of) });
    case "inet":
      return planInetSocket(planner, file, holder);
    case "netlink":
      return planNetlinkSocket(planner, file, holder);
    case "packet":
      return planPacketSocket(planner, file, holder);
    case "unknown":
      return planner.refuse(holder, `${file.what} cannot be restored`);
  }
}
