import type { FileStep } from "../../../plan/contents/file_step.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { attachTun } from "./attach_tun.ts";
import type { FilesContext } from "./file_calls.ts";
import { inherit } from "./inherit.ts";
import { closeConnection, hearConnection, makeConnection, resumeConnection } from "./make_connection.ts";
import { makeEpoll } from "./make_epoll.ts";
import { makeEventfd } from "./make_eventfd.ts";
import { addMark, makeFanotify } from "./make_fanotify.ts";
import { closeFile, fillFifo } from "./make_fifo.ts";
import { makeGhost } from "./make_ghost.ts";
import { makeInetSockets } from "./make_inet_sockets.ts";
import { addWatch, makeInotify } from "./make_inotify.ts";
import { adjust, makeMemfd, reopen, seal, writeContents } from "./make_memfd.ts";
import { makeNetlinkSocket } from "./make_netlink_socket.ts";
import { makePacketSocket } from "./make_packet_socket.ts";
import { makePipe } from "./make_pipe.ts";
import { makePty } from "./make_pty.ts";
import { makeSegment } from "./make_segment.ts";
import { makeSignalfd } from "./make_signalfd.ts";
import { armTimerfd, makeTimerfd } from "./make_timerfd.ts";
import { openByHandle } from "./open_by_handle.ts";
import { openLinked, openPath } from "./open_path.ts";
import { openNamespace } from "./open_namespace.ts";
import { openEndedPidfds, openPidfd } from "./open_pidfd.ts";
import { openOwnTerminal, openTerminal } from "./open_terminal.ts";
import { setAsync, setOwner } from "./set_owner.ts";
import { compileUnixAction } from "./unix/compile_unix_action.ts";

/** The calls that make the files of one step, each at its own descriptor; none is left open besides. */
export function compileFileStep(context: FilesContext, step: FileStep): RemoteCall[] {
  switch (step.kind) {
    case "open-path":
      return openPath(context, step);
    case "open-linked":
      return openLinked(context, step);
    case "make-ghost":
      return makeGhost(context, step);
    case "inherit":
      return inherit(context, step);
    case "fill-pipe":
      return fillFifo(context, step);
    case "close":
      return closeFile(context, step);
    case "make-pipe":
      return makePipe(context, step);
    case "make-eventfd":
      return makeEventfd(context, step);
    case "make-inet-sockets":
      return makeInetSockets(context, step);
    case "make-connection":
      return makeConnection(context, step);
    case "close-connection":
      return closeConnection(context, step);
    case "hear-connection":
      return hearConnection(context, step);
    case "resume-connection":
      return resumeConnection(context, step);
    case "attach-tun":
      return attachTun(context, step);
    case "make-netlink-socket":
      return makeNetlinkSocket(context, step);
    case "make-packet-socket":
      return makePacketSocket(context, step);
    case "make-segment":
      return makeSegment(context, step);
    case "unix-socket":
      return compileUnixAction(context, step);
    case "make-memfd":
      return makeMemfd(context, step);
    case "reopen":
      return reopen(context, step);
    case "adjust":
      return adjust(context, step);
    case "seal":
      return seal(context, step);
    case "write":
      return writeContents(context, step);
    case "make-epoll":
      return makeEpoll(context, step);
    case "make-signalfd":
      return makeSignalfd(context, step);
    case "make-timerfd":
      return makeTimerfd(context, step);
    case "arm-timerfd":
      return armTimerfd(context, step);
    case "make-inotify":
      return makeInotify(context, step);
    case "add-watch":
      return addWatch(context, step);
    case "make-fanotify":
      return makeFanotify(context, step);
    case "add-mark":
      return addMark(context, step);
    case "open-by-handle":
      return openByHandle(context, step);
    case "open-pidfd":
      return openPidfd(context, step);
    case "open-ended-pidfds":
      return openEndedPidfds(context, step);
    case "open-namespace":
      return openNamespace(context, step);
    case "set-owner":
      return setOwner(context, step);
    case "set-async":
      return setAsync(context, step);
    case "make-pty":
      return makePty(context, step);
    case "open-terminal":
      return openTerminal(context, step);
    case "open-own-terminal":
      return openOwnTerminal(context, step);
  }
}
