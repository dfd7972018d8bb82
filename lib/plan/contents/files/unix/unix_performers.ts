import { highestId, outsideId } from "../../../../model/id_ranges.ts";
import type { IdRange } from "../../../../model/namespaces.ts";
import type { UnixSocket } from "../../../../model/files/unix_socket.ts";
import type { FilePlanner } from "../../file_planner.ts";
import type { Identity, Performer } from "./unix_step.ts";

/** The id of users and groups without rights. */
const NOBODY = 65534;

/**
 * The task that makes a pair, listens or connects. Images do not tell who did that: of those that have the sockets, it
 * is the first one.
 *
 * @param sockets those of the checkpoint that are made, or for which a socket of ours stands in
 */
export function performerOf(planner: FilePlanner, sockets: readonly UnixSocket[]): Performer {
  const { contents, holders } = planner;
  const pid = holders.firstOf(sockets.map(({ id }) => id));
  const credentials = pid === undefined ? undefined : contents.threads.get(pid)?.credentials;
  if (pid === undefined) return nobody(planner, sockets);
  if (credentials === undefined) return { pid };
  const { effectiveUid: uid, effectiveGid: gid, groups } = credentials;
  return { pid, ...identity(planner, { uid, gid, groups }) };
}

/** The task that makes what stands in for a peer that is gone. */
export function nobody(planner: FilePlanner, sockets: readonly UnixSocket[]): Performer {
  const { contents, holders } = planner;
  const [first = 0] = contents.tasks.keys();
  const pid = holders.firstOf(sockets.map(({ id }) => id)) ?? first;
  const { uids, gids } = contents.namespaces.user ?? {};
  return { pid, ...identity(planner, { uid: idOfNobody(uids), gid: idOfNobody(gids), groups: [] }) };
}

/** Whoever is gone must not be taken for somebody with rights: in a user namespace, the highest id is least likely to be. */
function idOfNobody(ranges: readonly IdRange[] | undefined): number {
  return ranges === undefined || outsideId(ranges, NOBODY) !== undefined ? NOBODY : highestId(ranges);
}

function identity({ host: { own } }: FilePlanner, as: Identity): Pick<Performer, "identity"> {
  const mine: Identity = { uid: own.uids[1], gid: own.gids[1], groups: own.groups };
  return JSON.stringify(as) === JSON.stringify(mine) ? {} : { identity: { as, own: mine } };
}
