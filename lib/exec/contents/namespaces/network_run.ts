import { NETLINK_NETFILTER } from "../../../model/netlink_message.ts";
import type { NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { FillNet, NestedNets } from "../../../plan/contents/namespaces/net_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, LowestDescriptors } from "../remote.ts";
import { loadFilters } from "./load_filters.ts";
import { makeTuns } from "./make_tuns.ts";
import { type NamespacesContext, unshare } from "./make_namespaces.ts";
import type { NamespacesRunOptions } from "./namespaces_run.ts";
import { enterNet, keepNet } from "./nested_nets.ts";
import { fillNet } from "./net_contents.ts";
import type { Observation } from "./observation.ts";
import { awaitGone, connectOuterEnd, makeFromOutside, takenNames } from "./outer_ends.ts";
import { askForRoutes, type RouteContext } from "./route_requests.ts";

/** Gives the net namespaces of a tree what they had: through the coordinator, which is in the first, and from outside. */
export class NetworkRun {
  /** That of the root task. */
  readonly #net: FillNet | undefined;
  readonly #nested: NestedNets["namespaces"];
  readonly #options: NamespacesRunOptions;
  /** Names of the devices that are made, or may be, outside of the namespaces. */
  #outerEnds: readonly string[] = [];

  constructor({ net, nestedNets }: Pick<NamespacesPlan, "net" | "nestedNets">, options: NamespacesRunOptions) {
    this.#net = net?.kind === "fill" ? net : undefined;
    this.#nested = nestedNets?.namespaces ?? [];
    this.#options = options;
  }

  /**
   * Before there is any socket in them, with the lowest descriptors of the coordinator; makes all but the first. Devices
   * may be connected to some in other namespaces: all are made before any is set up, and are up before they get addresses.
   */
  fill(lowest: LowestDescriptors): void {
    const context = this.#routeContext(lowest);
    for (const [number, { handle }] of this.#nested.entries()) {
      this.#run([...number === 0 ? [] : [unshare(context, ["net"])], ...keepNet(context, handle)]);
    }
    this.#return();
    this.#inEach(isThere, (net) => this.#makeDevices(net, context));
    this.#inEach(isThere, ({ setUp }) => this.#observe(askForRoutes(context, setUp)));
    this.#inEach(isThere, (net) => this.#observe(fillNet(context, net)));
  }

  /** Makes the devices of the one that the coordinator is in. */
  #makeDevices(net: FillNet, context: RouteContext): void {
    const { sys } = this.#options.context;
    const { idRequests, deviceRequests, devices, outerEnds } = net;
    if (idRequests.length > 0) this.#observe(askForRoutes(context, idRequests));
    const names = outerEnds.map(({ name }) => name);
    const taken = names.length === 0 ? [] : takenNames(sys, names);
    this.#outerEnds = [...this.#outerEnds, ...names.filter((name) => !taken.includes(name))];
    makeFromOutside(sys, net, `/proc/${this.#options.coordinator().pid}/ns/net`);
    this.#run(makeTuns(context, devices));
    if (deviceRequests.length > 0) this.#observe(askForRoutes(context, deviceRequests));
  }

  /**
   * When sockets have been connected, and connections been told that their other sides have ended: that takes routes, and
   * packets, which come from the wrong device, and rules may keep away both. No others are under way before they are there.
   */
  addRules(): void {
    this.#inEach(hasRules, ({ ruleRequests, filters, tracked }) => {
      if (ruleRequests.length > 0) this.#observe(askForRoutes(this.#routeContext(), ruleRequests));
      loadFilters(this.#options.context.sys, filters, this.#options.coordinator().pid);
      if (tracked.length > 0) this.#observe(askForRoutes(this.#routeContext(), tracked, NETLINK_NETFILTER));
    });
  }

  /** Connects them to what is outside; others see that. */
  connect(): void {
    this.#inEach(({ connections }) => connections.length > 0, ({ connections }) => {
      this.#observe(askForRoutes(this.#routeContext(), connections));
    });
    for (const { bridge, ...end } of this.#net?.outerEnds ?? []) {
      if (bridge !== undefined) connectOuterEnd(this.#options.context.sys, { ...end, bridge });
    }
  }

  /** Waits until nothing is left of devices that were made outside of the namespaces; these are gone with them. */
  awaitOuterEnds(): void {
    if (this.#outerEnds.length > 0) awaitGone(this.#options.context.sys, this.#outerEnds);
  }

  /** Has the coordinator in each namespace meanwhile that needs something. */
  #inEach(needs: (net: FillNet) => boolean, action: (net: FillNet) => void): void {
    if (this.#net !== undefined && needs(this.#net)) action(this.#net);
    const nested = this.#nested.filter(({ net }) => net !== undefined && needs(net));
    for (const { handle, net } of nested) {
      this.#run([enterNet(this.#options.contents, descriptorOf(this.#options.contents, handle))]);
      if (net !== undefined) action(net);
    }
    if (nested.length > 0) this.#return();
  }

  /** The coordinator gets back into the first. */
  #return(): void {
    const { contents } = this.#options;
    const [first] = this.#nested;
    if (first !== undefined) this.#run([enterNet(contents, descriptorOf(contents, first.handle))]);
  }

  #routeContext(lowest = new LowestDescriptors([])): RouteContext {
    const { context: { sys }, contents } = this.#options;
    const context: NamespacesContext = { ...contents, lowest };
    return { ...context, errnoName: (errno) => sys.errnoName(errno) };
  }

  #observe<T>({ calls, read }: Observation<T>): T {
    this.#run(calls);
    return read();
  }

  #run(calls: readonly RemoteCall[]): void {
    this.#options.tables.runInPieces(this.#options.coordinator(), calls);
  }
}

function isThere(): boolean {
  return true;
}

function hasRules({ ruleRequests, filters, tracked }: FillNet): boolean {
  return ruleRequests.length + filters.length + tracked.length > 0;
}
