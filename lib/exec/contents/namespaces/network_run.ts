import { NETLINK_NETFILTER } from "../../../model/netlink_message.ts";
import type { FillNet, NetPlan } from "../../../plan/contents/namespaces/net_plan.ts";
import { LowestDescriptors } from "../remote.ts";
import { loadFilters } from "./load_filters.ts";
import { makeTuns } from "./make_tuns.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import type { NamespacesRunOptions } from "./namespaces_run.ts";
import { fillNet } from "./net_contents.ts";
import type { Observation } from "./observation.ts";
import { awaitGone, connectOuterEnd, makePairs, takenNames } from "./outer_ends.ts";
import { askForRoutes, type RouteContext } from "./route_requests.ts";

/** Gives the net namespace of a tree what it had: through the coordinator, which is in it, and from outside. */
export class NetworkRun {
  readonly #net: FillNet | undefined;
  readonly #options: NamespacesRunOptions;
  /** Names of the devices that are made, or may be, outside of the namespace. */
  #outerEnds: readonly string[] = [];

  constructor(net: NetPlan | undefined, options: NamespacesRunOptions) {
    this.#net = net?.kind === "fill" ? net : undefined;
    this.#options = options;
  }

  /** Before there is any socket in it, with the lowest descriptors of the coordinator. */
  fill(lowest: LowestDescriptors): void {
    if (this.#net === undefined) return;
    const { sys } = this.#options.context;
    const names = this.#net.outerEnds.map(({ name }) => name);
    const taken = names.length === 0 ? [] : takenNames(sys, names);
    this.#outerEnds = names.filter((name) => !taken.includes(name));
    const context = this.#routeContext(lowest);
    const { coordinator } = this.#options;
    const { pairs, devices } = this.#net;
    if (pairs.length > 0) makePairs(sys, { pairs, networkFile: `/proc/${coordinator().pid}/ns/net` });
    this.#options.tables.runInPieces(coordinator(), makeTuns(context, devices));
    for (const step of fillNet(context, this.#net)) this.#observe(step);
  }

  /**
   * When sockets have been connected, and connections been told that their other sides have ended: that takes routes, and
   * packets, which come from the wrong device, and rules may keep away both. No others are under way before they are there.
   */
  addRules(): void {
    if (this.#net === undefined) return;
    const { ruleRequests, filters, tracked } = this.#net;
    if (ruleRequests.length > 0) this.#observe(askForRoutes(this.#routeContext(), ruleRequests));
    loadFilters(this.#options.context.sys, filters, this.#options.coordinator().pid);
    if (tracked.length > 0) this.#observe(askForRoutes(this.#routeContext(), tracked, NETLINK_NETFILTER));
  }

  /** Connects it to what is outside; others see that. */
  connect(): void {
    if (this.#net === undefined) return;
    const { connections, outerEnds } = this.#net;
    if (connections.length > 0) this.#observe(askForRoutes(this.#routeContext(), connections));
    for (const { bridge, ...end } of outerEnds) {
      if (bridge !== undefined) connectOuterEnd(this.#options.context.sys, { ...end, bridge });
    }
  }

  /** Waits until nothing is left of devices that were made outside of the namespace; these are gone with it. */
  awaitOuterEnds(): void {
    if (this.#outerEnds.length > 0) awaitGone(this.#options.context.sys, this.#outerEnds);
  }

  #routeContext(lowest = new LowestDescriptors([])): RouteContext {
    const { context: { sys }, contents } = this.#options;
    const context: NamespacesContext = { ...contents, lowest };
    return { ...context, errnoName: (errno) => sys.errnoName(errno), hostNetwork: `/proc/${sys.getpid()}/ns/net` };
  }

  #observe<T>({ calls, read }: Observation<T>): T {
    this.#options.tables.runInPieces(this.#options.coordinator(), calls);
    return read();
  }
}
