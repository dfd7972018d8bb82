import { describeInetSockets } from "../../host/describe_network.ts";
import type { HostEndpoint, HostSocket } from "../../host/host.ts";
import { isSameAddress, renderEndpoint } from "../../model/inet_address.ts";
import type { ExpectedSocket } from "../../plan/contents/expected_file.ts";
import type { Sys } from "../../sys/sys.ts";

/** Compares internet sockets of tasks with what the kernel lists. */
export class SocketComparison {
  /** By network, and there by inode. */
  readonly #networks = new Map<string, ReadonlyMap<number, HostSocket>>();
  /** The network of the task with a directory of /proc: it has thousands of sockets, maybe. */
  readonly #seen = new Map<string, ReadonlyMap<number, HostSocket>>();

  constructor(readonly sys: Sys) {}

  /** How the socket behind a link of a task with this directory of /proc differs from what it should be. */
  compare(directory: string, link: string, expected: ExpectedSocket): string[] {
    const inode = Number(/^socket:\[(\d+)\]$/.exec(link)?.[1]);
    const found = this.#socketsOf(directory).get(inode);
    const { protocol, state, local, remote } = expected;
    if (found === undefined && state === undefined) return [];
    if (found === undefined) return [`the kernel does not list it, and should as ${describe(expected)}`];
    const isRight = found.protocol === protocol && (state === undefined || found.state === state) &&
      isSame(found.local, local) && isSame(found.remote, remote);
    return isRight ? [] : [`it is ${describe(found)}, and should be ${describe(expected)}`];
  }

  #socketsOf(directory: string): ReadonlyMap<number, HostSocket> {
    const seen = this.#seen.get(directory) ?? this.#readSockets(directory);
    this.#seen.set(directory, seen);
    return seen;
  }

  #readSockets(directory: string): ReadonlyMap<number, HostSocket> {
    const network = this.sys.readLink(`${directory}/ns/net`);
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const sockets = new Map(describeInetSockets(this.sys, directory).map((socket) => [socket.inode, socket]));
    this.#networks.set(network, sockets);
    return sockets;
  }
}

function isSame(one: HostEndpoint, other: HostEndpoint): boolean {
  return one.port === other.port && isSameAddress(one.address, other.address);
}

function describe({ protocol, local, remote, state }: ExpectedSocket): string {
  const told = `${renderEndpoint(local)} to ${renderEndpoint(remote)}, protocol ${protocol}`;
  return state === undefined ? told : `${told}, state ${state}`;
}
