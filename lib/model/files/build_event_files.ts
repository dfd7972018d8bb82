import type { EventfdFileEntry, EventpollFileEntry, SignalfdEntry, TimerfdEntry } from "../../gen/event_files.ts";
import { buildOwner } from "../build_open_files.ts";
import type { EpollFile, EventFile, SignalFile, TimerFile } from "./event_files.ts";

export function buildEventFile(id: number, { flags, fown, counter }: EventfdFileEntry): EventFile {
  return { kind: "eventfd", id, flags, ...buildOwner(fown), counter };
}

/** The kernel tells the watches of an instance in no order that would mean something. */
export function buildEpollFile(id: number, { flags, fown, tfd }: EventpollFileEntry): EpollFile {
  const watches = tfd.map(({ tfd: fd, events, data }) => ({ fd, events, data })).sort((a, b) => a.fd - b.fd);
  return { kind: "epoll", id, flags, ...buildOwner(fown), watches };
}

export function buildSignalFile(id: number, { flags, fown, sigmask: mask }: SignalfdEntry): SignalFile {
  return { kind: "signalfd", id, flags, ...buildOwner(fown), mask };
}

export function buildTimerFile(id: number, entry: TimerfdEntry): TimerFile {
  return {
    kind: "timerfd",
    id,
    flags: entry.flags,
    ...buildOwner(entry.fown),
    clock: entry.clockid,
    ticks: entry.ticks,
    settimeFlags: entry.settimeFlags,
    left: [entry.vsec, entry.vnsec],
    interval: [entry.isec, entry.insec],
  };
}
