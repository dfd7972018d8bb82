import type { TcpStreamEntry } from "../../gen/tcp_stream.ts";
import type { FilesContext } from "../build_open_files.ts";
import type { TcpConnection, TcpWindow } from "./tcp_connection.ts";

/** `TCPI_OPT_*` of linux/tcp.h. */
const TIMESTAMPS = 1;
const SELECTIVE_ACKNOWLEDGEMENTS = 2;
const WINDOW_SCALES = 4;

/** The connection of the socket with this inode; `undefined` when it was not dumped. */
export function buildTcpConnection(
  inode: number,
  { images, problems }: Pick<FilesContext, "images" | "problems">,
): TcpConnection | undefined {
  const stream = images.streams.get(inode);
  if (stream === undefined) return undefined;
  const { entry, bytes } = stream;
  for (const what of findProblems(entry)) problems.push({ where: `tcp-stream-${inode.toString(16)}.img`, what });
  return {
    received: bytes.subarray(0, entry.inqLen),
    receiveSequence: entry.inqSeq,
    written: bytes.subarray(entry.inqLen),
    unsent: entry.unsqLen ?? 0,
    writeSequence: entry.outqSeq,
    maximumSegment: entry.mssClamp,
    selectiveAcknowledgements: (entry.optMask & SELECTIVE_ACKNOWLEDGEMENTS) !== 0,
    windowScales: has(entry, WINDOW_SCALES) ? { send: entry.sndWscale, receive: entry.rcvWscale ?? 0 } : undefined,
    timestamp: has(entry, TIMESTAMPS) ? entry.timestamp : undefined,
    window: buildWindow(entry),
  };
}

function has({ optMask }: TcpStreamEntry, option: number): boolean {
  return (optMask & option) !== 0;
}

/** What CRIU as well insists upon. */
function findProblems(entry: TcpStreamEntry): string[] {
  const { unsqLen, outqLen } = entry;
  return [
    ...unsqLen === undefined ? ["it does not say how much had not been sent: the dump is too old"] : [],
    ...(unsqLen ?? 0) > outqLen ? [`${unsqLen} bytes of ${outqLen} had not been sent`] : [],
    ...has(entry, WINDOW_SCALES) && entry.rcvWscale === undefined ? ["the scale of the receive window is missing"] : [],
    ...has(entry, TIMESTAMPS) && entry.timestamp === undefined ? ["the timestamp is missing"] : [],
  ];
}

function buildWindow({ sndWl1, sndWnd, maxWindow, rcvWnd, rcvWup }: TcpStreamEntry): TcpWindow | undefined {
  if (sndWnd === undefined) return undefined;
  return {
    lastUpdate: sndWl1 ?? 0,
    send: sndWnd,
    largest: maxWindow ?? 0,
    receive: rcvWnd ?? 0,
    receivedAtUpdate: rcvWup ?? 0,
  };
}
