import type { Timespec } from "../gen/namespaces.ts";
import type { Problem } from "../errors.ts";
import type { NamespaceImages } from "../image/content_images.ts";
import { buildMounts } from "./build_mounts.ts";
import { byteLength } from "./check_names.ts";
import { buildIpcNamespace } from "./build_ipc_namespace.ts";
import { buildNetNamespace, type NetContext } from "./build_net_namespace.ts";
import { findPeerProblems } from "./find_peer_problems.ts";
import { buildUserNamespace } from "./build_user_namespace.ts";
import type { NamespaceContents, UtsNamespace } from "./namespaces.ts";

/** Longest names of a uts namespace (`__NEW_UTS_LEN`, linux/utsname.h). */
const NAME_MAX = 64;

const SECOND = 1_000_000_000n;

/**
 * What the namespaces had.
 *
 * @param mountIds the id of the mount namespace of each task, by pid
 * @param netIds the same of net namespaces
 */
export function buildNamespaceContents(
  { user, uts, ipc, net, time, mnt }: NamespaceImages,
  { mountIds, netIds, ...context }: NetContext & {
    readonly mountIds: ReadonlyMap<number, number>;
    readonly netIds: ReadonlyMap<number, number>;
  },
): NamespaceContents {
  const { problems } = context;
  const clocks = time === undefined
    ? undefined
    : { monotonic: nanosecondsOf(time.monotonic), boottime: nanosecondsOf(time.boottime) };
  const ipcNamespace = ipc === undefined ? undefined : buildIpcNamespace(ipc, problems);
  return {
    ...user === undefined ? {} : { user: buildUserNamespace(user, problems) },
    ...uts === undefined ? {} : { uts: buildUts(uts, problems) },
    ...ipcNamespace === undefined ? {} : { ipc: ipcNamespace },
    ...net === undefined ? {} : buildNets(net, netIds, context),
    ...clocks === undefined ? {} : { clocks },
    ...mnt === undefined ? {} : { mounts: buildMounts(mnt, problems) },
    ...mnt === undefined || mnt.length === 1 ? {} : { mountNamespaces: numberNamespaces(mnt, mountIds) },
  };
}

function buildNets(
  images: NonNullable<NamespaceImages["net"]>,
  ids: ReadonlyMap<number, number>,
  context: NetContext,
): Pick<NamespaceContents, "net" | "nestedNets" | "netNamespaces"> {
  const siblings = images.map(({ number }) => number);
  const nets = images.map((own) => buildNetNamespace(own, { ...context, siblings }));
  const [net, ...nestedNets] = nets;
  context.problems.push(...findPeerProblems(nets));
  return {
    ...net === undefined ? {} : { net },
    ...nestedNets.length === 0 ? {} : { nestedNets, netNamespaces: numberNamespaces(images, ids) },
  };
}

/** Of the tasks that are not in the first; the number in the names of a namespace's images is its id. */
function numberNamespaces(
  images: readonly { readonly number: number }[],
  ids: ReadonlyMap<number, number>,
): Map<number, number> {
  const numbers = [...ids].map(([pid, id]) => [pid, images.findIndex(({ number }) => number === id)] as const);
  return new Map(numbers.filter(([, number]) => number > 0));
}

function buildUts({ nodename, domainname }: NonNullable<NamespaceImages["uts"]>, problems: Problem[]): UtsNamespace {
  for (const [what, name] of [["host", nodename], ["domain", domainname]] as const) {
    if (byteLength(name) <= NAME_MAX && !name.includes("\0")) continue;
    problems.push({
      where: "utsns image",
      what: `its ${what} name ${JSON.stringify(name.slice(0, 80))} cannot be one`,
    });
  }
  return { hostName: nodename, domainName: domainname };
}

function nanosecondsOf({ tvSec, tvNsec }: Timespec): bigint {
  return BigInt(tvSec) * SECOND + BigInt(tvNsec);
}
