import type { UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import { findExternalPeer } from "./external_peer.ts";
import { nameOf, type UnixDraft } from "./unix_draft.ts";
import type { UnixNames } from "./unix_names.ts";
import { nobody, performerOf } from "./unix_performers.ts";
import type { UnixAddress } from "./unix_step.ts";

/**
 * Plans the sockets of datagrams. When one is connected, it takes datagrams from that peer only, and nobody else can
 * be connected to it (unix_may_send of net/unix/af_unix.c): so others are connected to it before, and fill its queue.
 */
export class UnixDatagrams {
  readonly #draft: UnixDraft;
  readonly #names: UnixNames;

  constructor(draft: UnixDraft, names: UnixNames) {
    this.#draft = draft;
    this.#names = names;
  }

  /** Plans making and binding them. */
  plan(): void {
    const done = new Set<UnixSocket>();
    for (const socket of this.#draft.graph.datagrams) {
      if (done.has(socket)) continue;
      const twin = this.#twinOf(socket);
      const ends = twin === undefined ? [socket] : [socket, twin];
      this.#planMaking(socket, twin);
      for (const end of ends) {
        done.add(end);
        this.#names.bind(end);
      }
    }
  }

  /** Plans connecting them and what was sent to them, when all files that were sent along are there. */
  planConnecting(): void {
    const { graph } = this.#draft;
    const connected = new Set<UnixSocket>();
    for (const socket of this.#inOrder()) {
      const partner = graph.partnerOf(socket);
      if (partner === undefined) this.#planPackets(socket);
      if (this.#twinOf(socket) === undefined) this.#planConnection(socket);
      connected.add(socket);
      if (partner === undefined || !connected.has(partner)) continue;
      for (const end of new Set([socket, partner])) this.#planPackets(end);
    }
  }

  #planMaking(socket: UnixSocket, twin: UnixSocket | undefined): void {
    const handle = this.#draft.handleOf(socket);
    const { type } = socket;
    const what = nameOf(socket);
    if (twin !== undefined) {
      const handles = [handle, this.#draft.handleOf(twin)] as const;
      const performer = performerOf(this.#draft.planner, [socket, twin]);
      this.#draft.planMaking(what, { kind: "pair", handles, type }, { socket, performer });
    } else if (socket.name === undefined && this.#needsStandIn(socket)) {
      const handles = [handle, this.#draft.standInFor(socket)] as const;
      const performer = nobody(this.#draft.planner, [socket]);
      this.#draft.planMaking(what, { kind: "pair", handles, type }, { socket, performer });
      if (!this.#isLeftBehind(socket)) this.#draft.plan(what, { kind: "connect", handle, to: { kind: "nobody" } });
    } else this.#draft.planMaking(what, { kind: "make", handle, type }, { socket });
  }

  /**
   * Whether its peer is gone; one with a name may just be one that somebody has been connected to. Before Linux 5.15, no
   * state says that it was connected, but then it may have more in its queue than others could have sent.
   */
  #isLeftBehind(socket: UnixSocket): boolean {
    const wasConnected = socket.state === "connected" || socket.packets.length > this.#longestQueueOf(socket);
    return socket.name === undefined && this.#needsStandIn(socket) && wasConnected && socket.peer === 0;
  }

  /** The other end of a pair, of which at least one has no name by which the other one could be connected to it. */
  #twinOf(socket: UnixSocket): UnixSocket | undefined {
    const partner = this.#draft.graph.partnerOf(socket);
    if (partner === undefined || partner === socket) return undefined;
    return socket.name === undefined || partner.name === undefined ? partner : undefined;
  }

  /** Whether nobody is left who could have sent something to it, or have been connected to it, and somebody has. */
  #needsStandIn(socket: UnixSocket): boolean {
    const { graph } = this.#draft;
    const isAlone = graph.partnerOf(socket) === undefined && graph.connectorsOf(socket).length === 0;
    return isAlone && (socket.packets.length > 0 || socket.state === "connected" && socket.peer === 0);
  }

  /** Every socket after those that are connected to it. */
  #inOrder(): UnixSocket[] {
    const { graph } = this.#draft;
    const waiting = new Map(graph.datagrams.map((socket) => [socket, graph.connectorsOf(socket).length]));
    const order = graph.datagrams.filter((socket) => waiting.get(socket) === 0);
    for (const socket of order) {
      const peer = graph.partnerOf(socket) === undefined ? graph.peerOf(socket) : undefined;
      const left = peer === undefined ? undefined : waiting.get(peer);
      if (peer === undefined || left === undefined) continue;
      waiting.set(peer, left - 1);
      if (left === 1) order.push(peer);
    }
    for (const [socket, left] of waiting) if (left > 0) this.#draft.refuse(socket, "it is connected in a circle");
    return order;
  }

  #planConnection(socket: UnixSocket): void {
    const peer = this.#draft.graph.peerOf(socket);
    if (peer === undefined) return;
    if (peer.name === undefined && peer.role !== "external") {
      this.#draft.refuse(socket, `its peer, ${nameOf(peer)}, has no name by which to connect it again`);
    }
    const to = peer.role === "external" ? findExternalPeer(this.#draft, socket, peer) : this.#names.addressOf(peer);
    const handle = this.#draft.handleOf(socket);
    if (to !== undefined) this.#draft.plan(nameOf(socket), { kind: "connect", handle, to });
  }

  #planPackets(socket: UnixSocket): void {
    const { graph, standIns } = this.#draft;
    const sender = graph.partnerOf(socket) ?? graph.connectorsOf(socket)[0];
    const handle = sender === undefined ? standIns.get(socket) : this.#draft.handleOf(sender);
    if (graph.partnerOf(socket) === undefined) this.#checkLength(socket);
    if (handle !== undefined) return this.#draft.planPackets(socket, { handle });
    const address = this.#names.addressOf(socket);
    if (!this.#needsStandIn(socket) || address === undefined) return;
    this.#draft.planPackets(socket, this.#planStandIn(socket, address));
  }

  /** Only the one that it is connected to may send more than a certain number of datagrams. */
  #checkLength(socket: UnixSocket): void {
    const { packets: { length } } = socket;
    const longest = this.#longestQueueOf(socket);
    if (length <= longest || this.#isLeftBehind(socket)) return;
    const limits = "see the sysctl net.unix.max_dgram_qlen";
    this.#draft.refuse(socket, `${length} datagrams are in its queue, which takes ${longest} here: ${limits}`);
  }

  /** How many datagrams its queue takes from those that it is not connected to. */
  #longestQueueOf({ network }: UnixSocket): number {
    return this.#draft.planner.networkSeenIn(network).unix?.longestQueue ?? Infinity;
  }

  /** Makes a socket that sends to one that has a name. */
  #planStandIn(socket: UnixSocket, address: UnixAddress): { readonly handle: Handle; readonly to?: UnixAddress } {
    const handle = this.#draft.standInFor(socket);
    const what = `a sender to ${nameOf(socket)}`;
    this.#draft.planMaking(what, { kind: "make", handle, type: socket.type }, { socket });
    // That shows in the state of a socket, also when the sender is gone.
    if (socket.state !== "connected") return { handle, to: address };
    this.#draft.plan(what, { kind: "connect", handle, to: address });
    return { handle };
  }
}
