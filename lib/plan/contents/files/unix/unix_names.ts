import { absolutePath, abstractNameKey, parentOf, renderUnixName } from "../../../../model/files/unix_name.ts";
import {
  type AbstractName,
  type PathName,
  SOCK_DGRAM,
  type UnixName,
  type UnixSocket,
} from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import { nameOf, type UnixDraft } from "./unix_draft.ts";
import type { NamePlace, UnixAddress } from "./unix_step.ts";

const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
const O_PATH = 0o10000000;

/** Plans how sockets get their names, and knows how they are found by these. */
export class UnixNames {
  readonly #draft: UnixDraft;
  readonly #addresses = new Map<UnixSocket, UnixAddress>();
  /** Absolute paths that sockets are bound to. */
  readonly #paths = new Set<string>();

  constructor(draft: UnixDraft) {
    this.#draft = draft;
  }

  /** How others find a socket of the checkpoint; absent for one that has not been bound. */
  addressOf(socket: UnixSocket): UnixAddress | undefined {
    return this.#addresses.get(socket);
  }

  /** Plans binding a socket of the checkpoint to its name, if it has one. */
  bind(socket: UnixSocket): void {
    const { type, name } = socket;
    if (name === undefined) return;
    const binding = { what: nameOf(socket), handle: this.#draft.handleOf(socket) };
    if (name.kind === "path") {
      const place = this.#placeOf(socket, name);
      if (place !== undefined) this.#addresses.set(socket, this.#bindPath(binding, name, place));
    } else if (this.isTaken(type, name)) this.#draft.refuse(socket, "another socket has its name here");
    else this.#addresses.set(socket, this.#bindAbstract(binding, name));
  }

  /** Plans binding a socket of ours to a name, so that no path leads to it. */
  bindHidden(handle: Handle, name: UnixName): UnixAddress {
    const binding = { what: `a socket for ${quoted(name)}`, handle };
    return name.kind === "abstract"
      ? this.#bindAbstract(binding, name)
      : this.#bindPath(binding, name, hiddenPlace(name));
  }

  /** Whether a socket on this host has an abstract name already. */
  isTaken(type: number, name: AbstractName): boolean {
    return this.#draft.planner.host.abstractNames.has(abstractNameKey(type, name));
  }

  /** How the peer of a socket of the checkpoint is found that is outside of it; a problem when it is not. */
  externalAddress(socket: UnixSocket, peer: UnixSocket): UnixAddress | undefined {
    const what = this.#reasonAgainst(socket, peer);
    if (what !== undefined || peer.name === undefined) {
      return this.#draft.refuse(socket, what ?? "its peer has no name");
    }
    if (peer.name.kind === "abstract") return peer.name;
    const path = absolutePath(peer.name) ?? "";
    const { handle, isNew } = this.#draft.ownHandle(`file ${path}`);
    const step = { kind: "open-path", what: path, handle, path, flags: O_PATH, position: 0 } as const;
    if (isNew) this.#draft.planner.late.push(step);
    return { kind: "file", handle };
  }

  #reasonAgainst(socket: UnixSocket, { name }: UnixSocket): string | undefined {
    const { host, options } = this.#draft.planner;
    if (socket.type !== SOCK_DGRAM) {
      return "its peer is outside of the checkpoint, and the connection cannot be restored";
    }
    if (name === undefined) return "its peer is outside of the checkpoint, and has no name";
    const who = `its peer ${quoted(name)} is outside of the checkpoint`;
    if (!options.externalUnixSockets) return `${who}: "--ext-unix-sk" connects it again`;
    if (name.kind === "abstract") return this.isTaken(SOCK_DGRAM, name) ? undefined : `${who}, and not here`;
    const path = absolutePath(name);
    if (path === undefined) return `${who}, and where its relative name starts from is not known`;
    // Who may not find out can still plan; restoring will tell.
    const answer = host.files.get(path)?.answer ?? (host.files.has(path) ? "datagram" : "none");
    return answer === "datagram" ? undefined : `${who}, and does not answer here`;
  }

  #placeOf(socket: UnixSocket, name: PathName): NamePlace | undefined {
    if (name.isDeleted) return hiddenPlace(name);
    const { host } = this.#draft.planner;
    const path = absolutePath(name);
    if (path === undefined) return this.#draft.refuse(socket, "where its relative name starts from is not known");
    if (this.#paths.has(path)) return this.#draft.refuse(socket, "another socket of the checkpoint has the same name");
    this.#paths.add(path);
    const found = host.files.get(path);
    if (found === undefined) {
      if (host.files.has(parentOf(path))) return { kind: "visible" };
      return this.#draft.refuse(socket, `there is no directory ${JSON.stringify(parentOf(path))} here`);
    }
    if ((found.mode & S_IFMT) !== S_IFSOCK) {
      return this.#draft.refuse(socket, "a file that is no socket has its name here");
    }
    if ((found.answer ?? "none") !== "none") {
      return this.#draft.refuse(socket, "another socket answers at its name here");
    }
    return { kind: "visible", aside: asideOf(path) };
  }

  #bindAbstract({ what, handle }: Binding, name: AbstractName): UnixAddress {
    this.#draft.plan(what, { kind: "bind", handle, name });
    return name;
  }

  #bindPath({ what, handle }: Binding, { path, directory, permissions }: PathName, place: NamePlace): UnixAddress {
    const { handle: file } = this.#draft.ownHandle(`file of socket ${handle}`);
    const options = {
      ...directory === undefined ? {} : { directory },
      ...permissions === undefined ? {} : { permissions },
    };
    this.#draft.plan(what, { kind: "bind", handle, name: { kind: "path", path, file, place, ...options } });
    return { kind: "file", handle: file };
  }
}

/** What is bound. */
interface Binding {
  readonly what: string;
  readonly handle: Handle;
}

function hiddenPlace({ isDeleted: isRemoved }: PathName): NamePlace {
  return { kind: "hidden", isRemoved };
}

/** What a file is called in the meantime that has a name which a socket gets. */
function asideOf(path: string): string {
  return `${parentOf(path).replace(/\/$/, "")}/.cgrestore-${path.slice(path.lastIndexOf("/") + 1)}`;
}

function quoted(name: UnixName): string {
  return JSON.stringify(renderUnixName(name));
}
