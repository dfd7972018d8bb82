import { abstractNameKey, renderUnixName } from "../../../../model/files/unix_name.ts";
import type { AbstractName, UnixPacket, UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import { fileKey, type FilePlanner, type SeenNetwork } from "../../file_planner.ts";
import { inNetwork } from "../../file_step.ts";
import { describeHolder } from "../../holder.ts";
import type { SeenFiles } from "../../seen_files.ts";
import { UnixGraph } from "./unix_graph.ts";
import type { MakeSocket, PairSockets, Performer, UnixAction, UnixAddress } from "./unix_step.ts";

/** What planning the unix sockets of a checkpoint works with; they are planned all together. */
export class UnixDraft {
  readonly graph: UnixGraph;
  /** Sockets of ours that stand in for the peers of others that are gone. */
  readonly standIns = new Map<UnixSocket, Handle>();
  /** What has been shut down already. */
  readonly shutDown = new Map<UnixSocket, number>();
  /** Those that cannot have the name again that they had. */
  readonly nameless = new Set<UnixSocket>();

  constructor(readonly planner: FilePlanner) {
    this.graph = new UnixGraph([...planner.contents.files.values()].map((file) => (
      file.kind === "unix" && isInherited(planner, file) ? { ...file, role: "external" } : file
    )));
  }

  /** The handle of a socket of the checkpoint that is not external. */
  handleOf({ id, inode }: UnixSocket): Handle {
    const handle = this.planner.get(fileKey(id));
    if (handle === undefined) throw new RangeError(`Cannot use unix socket ${inode}: it has no handle`);
    return handle;
  }

  /** A handle of something that is needed for a while; the same one for the same key. */
  ownHandle(key: string): { readonly handle: Handle; readonly isNew: boolean } {
    return this.planner.handle(`unix ${key}`);
  }

  /** The handle of the socket that stands in for the peer of `socket`. */
  standInFor(socket: UnixSocket): Handle {
    const { handle } = this.ownHandle(`stand-in for the peer of ${socket.inode}`);
    this.standIns.set(socket, handle);
    return handle;
  }

  /** @param performer the task that does it; absent: the coordinator */
  plan(what: string, action: UnixAction, performer?: Performer): void {
    const step = { kind: "unix-socket", what, action } as const;
    this.planner.late.push(performer === undefined ? step : { ...step, performer });
  }

  /** Plans that a socket, or a pair, is made in the net namespace of `socket`; a task can make pairs in its own. */
  planMaking(
    what: string,
    action: MakeSocket | PairSockets,
    { socket, performer }: { readonly socket: UnixSocket; readonly performer?: Performer },
  ): void {
    const network = performer === undefined ? socket.network : this.planner.networkOf(performer.pid);
    if (network !== socket.network) {
      this.refuse(
        socket,
        `task ${performer?.pid}, which would have to make it, is in another net namespace than it was`,
      );
    }
    const step = { kind: "unix-socket", what, action, ...inNetwork(network) } as const;
    this.planner.late.push(performer === undefined ? step : { ...step, performer });
  }

  /** Has the coordinator do something to a path of a mount namespace. */
  planIn({ step }: SeenFiles, what: string, action: UnixAction): void {
    this.planner.late.push({ kind: "unix-socket", what, action, ...step });
  }

  /** Plans that a sender puts into the queue of a socket what was in it. */
  planPackets(
    socket: UnixSocket,
    { handle, to }: { readonly handle: Handle; readonly to?: UnixAddress },
  ): void {
    const packets = packetsOf(socket).map(({ bytes, rights }) => ({
      bytes,
      // What cannot be restored has been told.
      rights: rights.flatMap((file) => this.planner.get(fileKey(file)) ?? []),
    }));
    if (packets.length === 0) return;
    this.plan(nameOf(socket), { kind: "send", handle, packets, ...to === undefined ? {} : { to } });
  }

  /** Leaves a socket that had a name without one, and tells. */
  loseName(socket: UnixSocket): void {
    this.nameless.add(socket);
    this.planner.notes.push(`${nameOf(socket)} loses its name, which another socket has here`);
  }

  /** Tells why a socket cannot be restored. */
  refuse(socket: UnixSocket, what: string): undefined {
    return this.planner.refuse(`${describeHolder(this.planner.contents, socket.id)}, ${nameOf(socket)}`, what);
  }
}

/** Whether a socket has an abstract name already where another one is to get it. */
export function isTaken({ unix }: SeenNetwork, type: number, name: AbstractName): boolean {
  return unix?.abstractNames.has(abstractNameKey(type, name)) === true;
}

/** A socket for messages: `unix socket 7 "/run/web"`. */
export function nameOf({ inode, name }: Pick<UnixSocket, "inode" | "name">): string {
  return `unix socket ${inode}${name === undefined ? "" : ` ${JSON.stringify(renderUnixName(name))}`}`;
}

/**
 * The message that CRIU's service sends when a task that asked to be dumped has been restored: `criu_resp` of its
 * rpc.proto with type DUMP, success, and `criu_dump_resp` with `restored`.
 */
const RESTORED = new Uint8Array([0x08, 1, 0x10, 1, 0x1a, 2, 0x08, 1]);

function packetsOf({ role, packets }: UnixSocket): readonly UnixPacket[] {
  return role === "service" ? [{ bytes: RESTORED, rights: [], unknownControls: [] }] : packets;
}

/** What `--inherit-fd` calls a socket. */
export function keyOf({ inode }: UnixSocket): string {
  return `socket:[${inode}]`;
}

/** Whether the user provides a socket: then it is one of those outside of the checkpoint. */
function isInherited(planner: FilePlanner, socket: UnixSocket): boolean {
  return planner.inherited(keyOf(socket)) !== undefined;
}
