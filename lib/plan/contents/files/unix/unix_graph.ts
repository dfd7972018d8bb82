import { SOCK_DGRAM, type UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { OpenFile } from "../../../../model/open_file.ts";

/** Who is connected to whom among the unix sockets of a checkpoint. */
export class UnixGraph {
  /** In the order of the images, without those that are external. */
  readonly sockets: readonly UnixSocket[];
  readonly #byInode: ReadonlyMap<number, UnixSocket>;
  readonly #connectors = new Map<UnixSocket, UnixSocket[]>();

  constructor(files: Iterable<OpenFile>) {
    const all = [...files].filter((file) => file.kind === "unix");
    this.sockets = all.filter(({ role }) => role !== "external");
    this.#byInode = new Map(all.map((socket) => [socket.inode, socket]));
    for (const socket of this.sockets) {
      const peer = this.peerOf(socket);
      if (peer === undefined || this.partnerOf(socket) !== undefined) continue;
      this.#connectors.set(peer, [...this.connectorsOf(peer), socket]);
    }
  }

  /** What it is connected to. */
  peerOf({ peer }: UnixSocket): UnixSocket | undefined {
    return this.#byInode.get(peer);
  }

  /** Its peer, when that is connected to it in return; that may be the socket itself. */
  partnerOf(socket: UnixSocket): UnixSocket | undefined {
    const peer = this.peerOf(socket);
    return peer?.peer === socket.inode ? peer : undefined;
  }

  /** Those that are connected to it, or wait to be accepted by it, and that it is not connected to in return. */
  connectorsOf(socket: UnixSocket): readonly UnixSocket[] {
    return this.#connectors.get(socket) ?? [];
  }

  get datagrams(): readonly UnixSocket[] {
    return this.sockets.filter(isDatagram);
  }

  get streams(): readonly UnixSocket[] {
    return this.sockets.filter((socket) => !isDatagram(socket));
  }
}

function isDatagram({ type }: UnixSocket): boolean {
  return type === SOCK_DGRAM;
}
