import { renderUnixName, unixNameKey } from "../../../../model/files/unix_name.ts";
import { RCV_SHUTDOWN, SEND_SHUTDOWN, type UnixName, type UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import { findExternalPeer } from "./external_peer.ts";
import { isTaken, nameOf, type UnixDraft } from "./unix_draft.ts";
import type { UnixNames } from "./unix_names.ts";
import { nobody, performerOf } from "./unix_performers.ts";
import type { Performer, UnixAddress } from "./unix_step.ts";

/** A socket of the checkpoint, and the one that it is connected to, unless that is gone. */
type Connection = readonly [UnixSocket, UnixSocket | undefined];

/** A socket that listens, and how it is found. */
interface Listener {
  readonly handle: Handle;
  readonly address: UnixAddress;
}

const BOTH = RCV_SHUTDOWN | SEND_SHUTDOWN;

/** A name that the kernel has chosen (unix_autobind of net/unix/af_unix.c), as `renderUnixName` writes it. */
const CHOSEN_NAME = /^@[0-9a-f]{5}$/;

/** Plans making the sockets of streams and of sequences of packets: connected, and with nothing sent yet. */
export class UnixStreams {
  readonly #draft: UnixDraft;
  readonly #names: UnixNames;
  /** By type and name, as it is found: those of the checkpoint, and those that listen for a while only. */
  readonly #listeners = new Map<string, Listener>();
  readonly #temporary: Listener[] = [];

  constructor(draft: UnixDraft, names: UnixNames) {
    this.#draft = draft;
    this.#names = names;
  }

  plan(): void {
    const { streams } = this.#draft.graph;
    const listening = streams.filter(({ state }) => state === "listening");
    for (const socket of listening) this.#make(socket);
    // One after the other, so that a task that listens itself does so at many at once.
    for (const socket of listening) this.#planListening(socket);
    for (const connection of this.#findConnections()) this.#planConnection(connection);
    for (const { handle } of this.#temporary) this.#draft.plan("a listening socket", { kind: "close", handle });
    // Those that nobody has accepted yet come last: until here, what was accepted was what had just been connected.
    for (const socket of streams) if (this.#isPending(socket)) this.#planPending(socket);
    for (const socket of streams) if (socket.state === "closed" && socket.role !== "service") this.#make(socket);
  }

  /** Plans what was sent through connections, when all files that were sent along are there. */
  planPackets(): void {
    const { graph, standIns } = this.#draft;
    for (const socket of graph.streams) {
      const partner = graph.partnerOf(socket);
      // That has been told.
      if (partner?.role === "external") continue;
      const handle = partner === undefined ? standIns.get(socket) : this.#draft.handleOf(partner);
      if (handle !== undefined) this.#draft.planPackets(socket, { handle });
    }
  }

  #make(socket: UnixSocket): void {
    const handle = this.#draft.handleOf(socket);
    this.#draft.planMaking(nameOf(socket), { kind: "make", handle, type: socket.type }, { socket });
    this.#names.bind(socket);
  }

  #planListening(socket: UnixSocket): void {
    const { name, backlog } = socket;
    const handle = this.#draft.handleOf(socket);
    this.#draft.plan(nameOf(socket), { kind: "listen", handle, backlog }, this.#performerOf(socket));
    const address = this.#names.addressOf(socket);
    if (name !== undefined && address !== undefined) {
      this.#listeners.set(listenerKey(socket, name), { handle, address });
    }
  }

  /** Whether nobody has accepted its connection yet. Those outside of the checkpoint are said to listen, too. */
  #isPending(socket: UnixSocket): boolean {
    const peer = this.#draft.graph.peerOf(socket);
    return peer?.state === "listening" && peer.role !== "external";
  }

  #planPending(socket: UnixSocket): void {
    const { graph } = this.#draft;
    const peer = graph.peerOf(socket);
    this.#make(socket);
    const to = peer === undefined ? undefined : this.#names.addressOf(peer);
    if (to === undefined) return;
    const handle = this.#draft.handleOf(socket);
    this.#draft.plan(nameOf(socket), { kind: "connect", handle, to }, this.#performerOf(socket));
  }

  #findConnections(): Iterable<Connection> {
    const { graph } = this.#draft;
    const found = new Map<UnixSocket, Connection>();
    for (const socket of graph.streams) {
      const isConnection = socket.state === "connected" && !this.#isPending(socket) || socket.role === "service";
      if (!isConnection || found.has(socket) || this.#isRefused(socket)) continue;
      const partner = graph.partnerOf(socket);
      const connection: Connection = [socket, partner];
      found.set(socket, connection);
      if (partner !== undefined) found.set(partner, connection);
    }
    return new Set(found.values());
  }

  #isRefused(socket: UnixSocket): boolean {
    const { graph } = this.#draft;
    const peer = graph.peerOf(socket);
    if (peer?.role === "external") findExternalPeer(this.#draft, socket, peer);
    else if (peer !== undefined && graph.partnerOf(socket) === undefined) {
      this.#draft.refuse(socket, `its peer, ${nameOf(peer)}, is not connected to it`);
    } else if (peer === undefined && socket.role !== "service" && socket.shutdown !== BOTH) {
      this.#draft.refuse(socket, "it is connected to nobody, and has not been shut down");
    } else return false;
    return true;
  }

  #planConnection([one, other]: Connection): void {
    const accepted = this.#findAccepted([one, other]);
    const listener = accepted === undefined ? undefined : this.#listenerFor(accepted);
    if (accepted !== undefined && listener !== undefined) {
      this.#planAccepting(listener, accepted, accepted === one ? other : one);
    } else this.#planPair([one, other]);
  }

  /**
   * The end that has been accepted, which has the name of the socket that listened: somebody in the checkpoint still
   * does, or it has the higher inode, as it came to be later. A name that the kernel has chosen is the socket's own.
   */
  #findAccepted([one, other]: Connection): UnixSocket | undefined {
    const named = [one, other].filter((end) => end?.name !== undefined).filter((end) => end !== undefined);
    const known = named.find((end) => end.name !== undefined && this.#listeners.has(listenerKey(end, end.name)));
    if (known !== undefined) return known;
    const possible = named.filter(({ name }) => name !== undefined && !CHOSEN_NAME.test(renderUnixName(name)));
    return possible.sort((a, b) => b.inode - a.inode)[0];
  }

  /** Who listens at the name of a socket that was accepted; absent where the name is somebody else's now. */
  #listenerFor(accepted: UnixSocket): Listener | undefined {
    const { type, name, network } = accepted;
    if (name === undefined) return undefined;
    const key = listenerKey(accepted, name);
    const known = this.#listeners.get(key);
    if (known !== undefined) return known;
    if (name.kind === "abstract" && isTaken(this.#draft.planner.networkSeenIn(network), type, name)) {
      this.#draft.loseName(accepted);
      return undefined;
    }
    const { handle } = this.#draft.ownHandle(`listener ${key}`);
    this.#draft.planMaking("a listening socket", { kind: "make", handle, type }, { socket: accepted });
    const listener = { handle, address: this.#names.bindHidden(handle, name) };
    this.#draft.plan("a listening socket", { kind: "listen", handle, backlog: 1 }, this.#performerOf(accepted));
    this.#listeners.set(key, listener);
    this.#temporary.push(listener);
    return listener;
  }

  #planAccepting(listener: Listener, accepted: UnixSocket, client: UnixSocket | undefined): void {
    const what = nameOf(client ?? accepted);
    const handle = client === undefined ? this.#draft.standInFor(accepted) : this.#draft.handleOf(client);
    if (client === undefined) {
      this.#draft.planMaking(what, { kind: "make", handle, type: accepted.type }, { socket: accepted });
    } else {
      this.#make(client);
      this.#shutDownAlone(client, accepted);
    }
    const performer = client === undefined ? nobody(this.#draft.planner, [accepted]) : this.#performerOf(client);
    this.#draft.plan(what, { kind: "connect", handle, to: listener.address }, performer);
    const accept = { kind: "accept", handle: this.#draft.handleOf(accepted), from: listener.handle } as const;
    this.#draft.plan(nameOf(accepted), accept);
  }

  #performerOf(socket: UnixSocket): Performer {
    return performerOf(this.#draft.planner, [socket]);
  }

  /** What was shut down before the socket was connected does not show at the other end. */
  #shutDownAlone(socket: UnixSocket, peer: UnixSocket): void {
    const sides = socket.shutdown & ~seenFrom(peer.shutdown);
    if (sides === 0) return;
    this.#draft.plan(nameOf(socket), { kind: "shut-down", handle: this.#draft.handleOf(socket), sides });
    this.#draft.shutDown.set(socket, sides);
  }

  #planPair([one, other]: Connection): void {
    const handle = this.#draft.handleOf(one);
    const otherHandle = other === undefined ? this.#draft.standInFor(one) : this.#draft.handleOf(other);
    const { planner } = this.#draft;
    const performer = other === undefined ? nobody(planner, [one]) : performerOf(planner, [one, other]);
    const pair = { kind: "pair", handles: [handle, otherHandle], type: one.type } as const;
    this.#draft.planMaking(nameOf(one), pair, { socket: one, performer });
    for (const end of [one, other]) if (end !== undefined && !this.#draft.nameless.has(end)) this.#names.bind(end);
  }
}

/** Paths are found from all net namespaces: an accepted socket is in that of who was connected. */
function listenerKey({ type, network }: UnixSocket, name: UnixName): string {
  return `${type} ${unixNameKey(name)}${name.kind === "abstract" ? ` in net ${network}` : ""}`;
}

/** Bits of a shutdown as the other end has them. */
function seenFrom(shutdown: number): number {
  return (shutdown & RCV_SHUTDOWN) << 1 | (shutdown & SEND_SHUTDOWN) >> 1;
}
