import { absolutePath, renderUnixName } from "../../../../model/files/unix_name.ts";
import { SOCK_DGRAM, type UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { FilePlanner } from "../../file_planner.ts";
import { isTaken, type UnixDraft } from "./unix_draft.ts";
import type { UnixAddress } from "./unix_step.ts";

const O_PATH = 0o10000000;

/** How the peer of a socket is found that is outside of the checkpoint; `undefined`, with the problem told, if not. */
export function findExternalPeer(draft: UnixDraft, socket: UnixSocket, peer: UnixSocket): UnixAddress | undefined {
  const what = reasonAgainst(draft.planner, socket, peer);
  if (what !== undefined) return draft.refuse(socket, what);
  if (peer.name?.kind !== "path") return peer.name;
  const path = absolutePath(peer.name) ?? peer.name.path;
  const seen = draft.planner.seenFrom(peer.name.mount);
  const { handle, isNew } = draft.ownHandle(`file ${seen.nameOf(path)}`);
  const step = { kind: "open-path", what: path, handle, path, flags: O_PATH, ...seen.step } as const;
  if (isNew) draft.planner.late.push(step);
  return { kind: "file", handle };
}

function reasonAgainst(
  planner: FilePlanner,
  { type, network }: UnixSocket,
  { name }: UnixSocket,
): string | undefined {
  if (type !== SOCK_DGRAM) return "its peer is outside of the checkpoint, and the connection cannot be restored";
  if (name === undefined) return "its peer is outside of the checkpoint, and has no name";
  const who = `its peer ${JSON.stringify(renderUnixName(name))} is outside of the checkpoint`;
  if (!planner.options.externalUnixSockets) return `${who}: "--ext-unix-sk" connects it again`;
  if (name.kind === "abstract") {
    return isTaken(planner.networkSeenIn(network), type, name) ? undefined : `${who}, and not here`;
  }
  const path = absolutePath(name);
  if (path === undefined) return `${who}, and where its relative name starts from is not known`;
  const file = planner.seenFrom(name.mount).get(path);
  // Who may not find out whether it answers can still plan; restoring will tell.
  const answer = file === undefined ? "none" : file.answer ?? "datagram";
  return answer === "datagram" ? undefined : `${who}, and does not answer here`;
}
