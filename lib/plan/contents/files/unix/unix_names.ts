import { absolutePath, asidePath, parentOf, renderUnixName } from "../../../../model/files/unix_name.ts";
import {
  type AbstractName,
  type PathName,
  type UnixName,
  type UnixSocket,
} from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import { isTaken, nameOf, type UnixDraft } from "./unix_draft.ts";
import type { NamePlace, UnixAddress } from "./unix_step.ts";

const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;

/** Plans how sockets get their names, and knows how they are found by these. */
export class UnixNames {
  readonly #draft: UnixDraft;
  readonly #addresses = new Map<UnixSocket, UnixAddress>();
  /** What sockets are bound to, as planning knows it. */
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
    const { type, name, network } = socket;
    if (name === undefined) return;
    const binding = { what: nameOf(socket), handle: this.#draft.handleOf(socket) };
    if (name.kind === "path") {
      const place = this.#placeOf(socket, name);
      if (place !== undefined) this.#addresses.set(socket, this.#bindPath(binding, name, place));
    } else if (isTaken(this.#draft.planner.networkSeenIn(network), type, name)) {
      this.#draft.refuse(socket, "another socket has its name here");
    } else this.#addresses.set(socket, this.#bindAbstract(binding, name));
  }

  /** Plans binding a socket of ours to a name, so that no path leads to it. */
  bindHidden(handle: Handle, name: UnixName): UnixAddress {
    const binding = { what: `a socket for ${quoted(name)}`, handle };
    return name.kind === "abstract"
      ? this.#bindAbstract(binding, name)
      : this.#bindPath(binding, name, hiddenPlace(name));
  }

  #placeOf(socket: UnixSocket, name: PathName): NamePlace | undefined {
    if (name.isDeleted) return hiddenPlace(name);
    const seen = this.#draft.planner.seenFrom(name.mount);
    const path = absolutePath(name);
    if (path === undefined) return this.#draft.refuse(socket, "where its relative name starts from is not known");
    const known = seen.nameOf(path);
    if (this.#paths.has(known)) return this.#draft.refuse(socket, "another socket of the checkpoint has the same name");
    this.#paths.add(known);
    const found = seen.get(path);
    if (found === undefined) {
      if (seen.has(parentOf(path))) return { kind: "visible" };
      return this.#draft.refuse(socket, `there is no directory ${JSON.stringify(parentOf(path))} here`);
    }
    if ((found.mode & S_IFMT) !== S_IFSOCK) {
      return this.#draft.refuse(socket, "a file that is no socket has its name here");
    }
    if ((found.answer ?? "none") !== "none") {
      return this.#draft.refuse(socket, "another socket answers at its name here");
    }
    const aside = asidePath(path);
    if (!seen.has(aside)) return { kind: "visible", aside };
    return this.#draft.refuse(socket, `${JSON.stringify(aside)} is left from a restore that was killed: remove it`);
  }

  #bindAbstract({ what, handle }: Binding, name: AbstractName): UnixAddress {
    this.#draft.plan(what, { kind: "bind", handle, name });
    return name;
  }

  #bindPath({ what, handle }: Binding, name: PathName, place: NamePlace): UnixAddress {
    const { path, directory, permissions, mount } = name;
    const seen = this.#draft.planner.seenFrom(place.kind === "visible" ? mount : undefined);
    const { handle: file } = this.#draft.ownHandle(`file of socket ${handle}`);
    const options = {
      ...directory === undefined ? {} : { directory },
      ...permissions === undefined ? {} : { permissions },
    };
    const bound = { kind: "path", path, file, place, ...options } as const;
    this.#draft.planIn(seen, what, { kind: "bind", handle, name: bound });
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

function quoted(name: UnixName): string {
  return JSON.stringify(renderUnixName(name));
}
