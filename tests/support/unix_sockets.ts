/** Sockets of unix(7) and what comes of planning them, in few words. */
import type { Host } from "../../lib/host/host.ts";
import type { Contents } from "../../lib/model/contents.ts";
import type { SocketOptions } from "../../lib/model/files/socket_options.ts";
import type { UserNamespace } from "../../lib/model/namespaces.ts";
import { renderUnixName } from "../../lib/model/files/unix_name.ts";
import { SOCK_STREAM, type UnixName, type UnixPacket, type UnixSocket } from "../../lib/model/files/unix_socket.ts";
import type { OpenFile } from "../../lib/model/open_file.ts";
import type { ThreadState } from "../../lib/model/task_state.ts";
import { FilePlanner } from "../../lib/plan/contents/file_planner.ts";
import { planFile } from "../../lib/plan/contents/plan_file.ts";
import type { UnixAction, UnixAddress, UnixStep } from "../../lib/plan/contents/files/unix/unix_step.ts";
import type { Handle } from "../../lib/plan/contents/contents_plan.ts";
import { buildHost, OWN_STATE } from "./plan_inputs.ts";
import { PLANNER_OPTIONS, smallContents } from "./small_contents.ts";

/** What is not in an image. */
export const NEW_SOCKET_OPTIONS: SocketOptions = {
  sendBuffer: 212992,
  receiveBuffer: 212992,
  lockedBuffers: undefined,
  sendTimeout: [0, 0],
  receiveTimeout: [0, 0],
  receiveLowWater: undefined,
  priority: undefined,
  mark: undefined,
  reusesAddress: false,
  reusesPort: false,
  passesCredentials: false,
  passesSecurity: false,
  bypassesRouting: false,
  skipsChecksums: false,
  broadcasts: false,
  keepsAlive: false,
  hasUrgentInline: false,
  linger: undefined,
  device: undefined,
  filter: new Uint8Array(),
  keepAlive: { count: undefined, idle: undefined, interval: undefined },
};

const O_RDWR = 2;

/** A new stream socket, but for `changes`; its id is its inode and 100 more. */
export function aUnixSocket(inode: number, changes: Partial<UnixSocket> = {}): UnixSocket {
  return {
    kind: "unix",
    id: 100 + inode,
    flags: O_RDWR,
    inode,
    type: SOCK_STREAM,
    state: "closed",
    peer: 0,
    backlog: 0,
    shutdown: 0,
    options: NEW_SOCKET_OPTIONS,
    packets: [],
    role: "ordinary",
    network: 0,
    ...changes,
  };
}

/** `"/path"`, or `"@abstract"`. */
export function aName(text: string, more: { isDeleted?: boolean; directory?: string } = {}): UnixName {
  if (text.startsWith("@")) return { kind: "abstract", bytes: new TextEncoder().encode(text.slice(1)) };
  return { kind: "path", path: text, isDeleted: false, ...more };
}

export function aPacket(text: string, rights: readonly number[] = []): UnixPacket {
  return { bytes: new TextEncoder().encode(text), rights, unknownControls: [] };
}

/** Who has which sockets, by pid; the first number of a pid's is its uid. */
export type Holders = Readonly<Record<number, Holder>>;

interface Holder {
  readonly uid?: number;
  /** Number of its net namespace. */
  readonly network?: number;
  readonly inodes: readonly number[];
}

export interface UnixCase {
  readonly sockets: readonly UnixSocket[];
  /** Other open files. */
  readonly files?: readonly OpenFile[];
  /** Task 77 has all of them. */
  readonly holders?: Holders;
  readonly host?: Partial<Pick<Host, "files" | "unix">>;
  readonly externalUnixSockets?: boolean;
  /** Of the tasks. */
  readonly user?: UserNamespace;
}

/** What was planned: a line for each action, problems as `WHERE: WHAT`. */
export interface PlannedUnix {
  readonly planner: FilePlanner;
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Plans all sockets. */
export function planUnix(unixCase: UnixCase): PlannedUnix {
  const { sockets, files = [], holders, host, externalUnixSockets = false, user } = unixCase;
  const held = sockets.filter(({ role }) => role !== "external").map(({ inode }) => inode);
  const found = contentsOf([...sockets, ...files], holders ?? { 77: { inodes: held } });
  const contents = { ...found, namespaces: { ...found.namespaces, ...user === undefined ? {} : { user } } };
  const unix = { abstractNames: new Set<string>(), longestQueue: 11 };
  const planner = new FilePlanner(
    contents,
    buildHost({
      files: new Map([["/", DIRECTORY], ["/run", DIRECTORY]]),
      unix,
      own: { ...OWN_STATE, groups: [] },
      ...host,
    }),
    [],
    { ...PLANNER_OPTIONS, externalUnixSockets },
  );
  for (const { id } of sockets.filter(({ inode }) => held.includes(inode))) planFile(planner, id, "task 77");
  planner.finish();
  const lines = planner.late.flatMap((step) => step.kind === "unix-socket" ? [renderStep(step, planner, sockets)] : []);
  return { planner, lines, problems: planner.problems.map(({ where, what }) => `${where}: ${what}`) };
}

export const DIRECTORY = { mode: 0o40755, size: 0, device: 0 };

function contentsOf(files: readonly OpenFile[], holders: Holders): Contents {
  const descriptors = Object.entries(holders).map(([pid, { inodes }]) => (
    [pid, Object.fromEntries(inodes.map((inode, fd) => [fd, 100 + inode]))] as const
  ));
  const contents = smallContents({ files, tasks: Object.fromEntries(descriptors) });
  const threads = Object.entries(holders).map(([pid, { uid = 0 }]) => {
    const credentials = { effectiveUid: uid, effectiveGid: uid, groups: [] };
    return [Number(pid), { credentials } as unknown as ThreadState] as const;
  });
  const netNamespaces = new Map(Object.entries(holders).map(([pid, { network = 0 }]) => [Number(pid), network]));
  return { ...contents, namespaces: { ...contents.namespaces, netNamespaces }, threads: new Map(threads) };
}

/** Sockets are called by their inodes, and those of ours by a star and a number. */
function renderStep(
  { action, performer, network }: UnixStep,
  planner: FilePlanner,
  sockets: readonly UnixSocket[],
): string {
  const inodes = new Map(sockets.flatMap(({ id, inode }) => {
    const handle = planner.get(`file ${id}`);
    return handle === undefined ? [] : [[handle, String(inode)]];
  }));
  const of = (handle: Handle) => inodes.get(handle) ?? `*${handle - inodes.size}`;
  const who = performer?.identity === undefined ? "" : ` as ${performer.identity.as.uid}`;
  const by = performer === undefined ? "" : ` by ${performer.pid}${who}`;
  return `${renderAction(action, of)}${by}${network === undefined ? "" : ` in net ${network}`}`;
}

function renderAction(action: UnixAction, of: (handle: Handle) => string): string {
  const to = (address: UnixAddress) =>
    address.kind === "abstract" ? renderUnixName(address) : `file ${of(address.handle)}`;
  switch (action.kind) {
    case "pair":
      return `pair ${action.handles.map(of).join(" ")}`;
    case "bind": {
      const { name, handle } = action;
      if (name.kind === "abstract") return `bind ${of(handle)} ${renderUnixName(name)}`;
      const { kind, ...more } = name.place;
      const place = Object.entries(more).map(([key, value]) => `${key}=${value}`);
      return [`bind ${of(handle)} ${name.path}, file ${of(name.file)}, ${kind}`, ...place].join(" ");
    }
    case "listen":
      return `listen ${of(action.handle)} ${action.backlog}`;
    case "connect":
      return `connect ${of(action.handle)} ${action.to.kind === "nobody" ? "nobody" : to(action.to)}`;
    case "accept":
      return `accept ${of(action.handle)} from ${of(action.from)}`;
    case "send": {
      const packets = action.packets.map(({ bytes, rights }) =>
        new TextDecoder().decode(bytes) + rights.map((one) => `+${of(one)}`)
      );
      return `send ${of(action.handle)}${action.to === undefined ? "" : ` to ${to(action.to)}`}: ${packets.join(" ")}`;
    }
    case "shut-down":
      return `shut-down ${of(action.handle)} ${action.sides}`;
    case "make":
    case "close":
    case "settle":
      return `${action.kind} ${of(action.handle)}`;
  }
}
