import type { ContentsPlan } from "../../../plan/contents/contents_plan.ts";
import type { NestedMounts } from "../../../plan/contents/namespaces/mounts_plan.ts";
import type { UserPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { NestedNets } from "../../../plan/contents/namespaces/net_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import type { Tracee, TraceeContext } from "../../../tracee/tracee.ts";
import type { ObservedNamespaces } from "../../../verify/contents/verify_namespaces.ts";
import { fetch } from "../compile_descriptors.ts";
import { close, takeFrom } from "../files/file_calls.ts";
import { type ContentsContext, descriptorOf, LowestDescriptors, remoteCall } from "../remote.ts";
import { compileOwnLimits } from "../state/limits.ts";
import type { NamedNamespace, TableRunner } from "../table_runner.ts";
import { fillNamespaces, removeSegments } from "./fill_namespaces.ts";
import {
  enterHost,
  enterMounts,
  type KeptNamespaces,
  makePtyMounts,
  NO_MOUNTS,
  type OpenedMounts,
  sealMounts,
} from "./make_mounts.ts";
import {
  becomeFirstRoot,
  becomeRoot,
  joinNamespaces,
  makeNamespaces,
  makeUserNamespace,
  type NamespacesContext,
  withoutUser,
} from "./make_namespaces.ts";
import { enterNet } from "./nested_nets.ts";
import { NetworkRun } from "./network_run.ts";
import { observeNamespaces } from "./observe_namespaces.ts";
import { openImages, setState } from "./open_outside.ts";
import { writeMaps } from "./write_maps.ts";

export interface NamespacesRunOptions {
  readonly context: TraceeContext;
  readonly contents: ContentsContext;
  readonly tables: TableRunner;
  readonly coordinator: () => Tracee;
  /** Descriptors that the coordinator has. */
  readonly taken: readonly number[];
}

/** Makes, enters, fills and looks at the namespaces of a tree, as a plan says. */
export class NamespacesRun {
  readonly network: NetworkRun;
  readonly #plan: ContentsPlan;
  readonly #options: NamespacesRunOptions;
  /** What the coordinator had opened before it got into a user namespace. */
  #hostMounts: OpenedMounts = NO_MOUNTS;

  constructor(plan: ContentsPlan, options: NamespacesRunOptions) {
    this.network = new NetworkRun(plan.namespaces, options);
    this.#plan = plan;
    this.#options = options;
  }

  /** Whether they are made when the root task is there, which enters them when it has made others. */
  get entersLate(): boolean {
    return this.#plan.namespaces.user?.entersLate === true;
  }

  /** Whether the root task is born in the user namespace: one that is no child of the coordinator begins it. */
  get isBornInUserNamespace(): boolean {
    return this.#plan.namespaces.user?.entersLate === false;
  }

  /** What nobody in a user namespace could do: for the coordinator, the tasks that it makes, and a `sibling` of it. */
  prepareOutside(user: UserPlan, sibling: Tracee | undefined): void {
    const context = this.#with(this.#options.taken);
    this.#options.tables.runInPieces(this.#options.coordinator(), [
      ...this.#enterHost(context),
      ...openImages(context),
      ...setState(context, user, "self"),
      ...sibling === undefined || this.entersLate ? [] : this.#setOuterState(context, sibling.pid),
    ]);
  }

  /** Puts the coordinator into new namespaces; the user namespace is that of a `sibling` which is there already. */
  make(sibling?: Tracee): void {
    const context = this.#with(this.#options.taken);
    const { namespaces } = this.#plan;
    if (namespaces.user === undefined) this.#options.coordinator().run(makeNamespaces(context, namespaces));
    else this.#makeUserNamespace(context, namespaces.user, this.entersLate ? undefined : sibling);
    this.network.fill(context.lowest);
  }

  #makeUserNamespace(context: NamespacesContext, user: UserPlan, first: Tracee | undefined): void {
    const { context: { sys }, coordinator } = this.#options;
    const { before, after, mounts } = makeUserNamespace(context, this.#plan.namespaces, first?.pid);
    coordinator().run(before);
    writeMaps(sys, user, (first ?? coordinator()).pid);
    coordinator().run(after);
    this.#hostMounts = mounts;
  }

  /** Puts a task into them that is no child of the coordinator, and has a pidfd of it at `descriptor`. */
  join(tracee: Tracee, descriptor: number): void {
    const context = this.#with([...this.#options.taken, descriptor]);
    if (this.isBornInUserNamespace) this.#joinAsFirst(tracee, context, descriptor);
    else if (this.entersLate) tracee.run([...this.#enterHost(context), ...this.#setOuterState(context, "self")]);
    else tracee.run(joinNamespaces(context, this.#plan.namespaces, descriptor));
  }

  /** The user namespace is that of the task, which gets the copies of mounts from the coordinator, `descriptor`. */
  #joinAsFirst(tracee: Tracee, context: NamespacesContext, descriptor: number): void {
    const { namespaces } = this.#plan;
    const kinds = withoutUser(namespaces.kinds);
    tracee.run([
      ...becomeFirstRoot(this.#options.contents),
      ...joinNamespaces(context, { ...namespaces, kinds }, descriptor),
    ]);
    const descriptors = new Map<number, number>();
    const purpose = { attempt: "Cannot take copies of mounts" };
    tracee.run([...this.#hostMounts.descriptors].map(([mount, fd]) => {
      const expected = context.lowest.take();
      descriptors.set(mount, expected);
      return remoteCall(context, "pidfd_getfd", [descriptor, fd, 0], { ...purpose, expected });
    }));
    this.#closeHostMounts();
    this.#hostMounts = { calls: [], descriptors };
  }

  #closeHostMounts(): void {
    const purpose = { attempt: "Cannot close copies of mounts" };
    const descriptors = [...this.#hostMounts.descriptors.values()];
    const calls = descriptors.map((fd) => remoteCall(this.#options.contents, "close", [fd], purpose));
    if (calls.length > 0) this.#options.coordinator().run(calls);
  }

  /** Limits and the like, which nobody in a user namespace may set, of the caller or the process `who`. */
  #setOuterState(context: NamespacesContext, who: number | "self"): RemoteCall[] {
    const { ownLimits, namespaces: { user } } = this.#plan;
    if (user === undefined) return [];
    return [
      ...compileOwnLimits(this.#options.contents, ownLimits, who === "self" ? 0 : who),
      ...setState(context, user, who),
    ];
  }

  /** Files of the host are found from there when the tasks have mounts. */
  #enterHost(context: NamespacesContext): RemoteCall[] {
    return this.#plan.namespaces.mounts === undefined ? [] : enterHost(context);
  }

  /** The lowest descriptors of who has the copies of mounts that were opened before. */
  lowestDescriptors(): LowestDescriptors {
    return new LowestDescriptors([...this.#options.taken, ...this.#hostMounts.descriptors.values()]);
  }

  /** What a task does to get into them, in which it could not have made others. */
  compileEntry(): RemoteCall[] {
    const { contents, taken } = this.#options;
    const join = joinNamespaces(this.#with(taken), this.#plan.namespaces, contents.base);
    return [...join, ...becomeRoot(contents)];
  }

  /** What a task does to get into namespaces of its own, other ones than it is born in, or gets into before. */
  compileNestedEntry(pid: number): RemoteCall[] {
    const { mounts, nestedNets } = this.#plan.namespaces;
    return [
      ...this.#compileEntryInto(mounts?.nested, pid, enterMounts),
      ...this.#compileEntryInto(nestedNets, pid, (context, fd) => [enterNet(context, fd)]),
    ];
  }

  #compileEntryInto(
    nested: NestedMounts | NestedNets | undefined,
    pid: number,
    enter: (context: NamespacesContext, fd: number) => RemoteCall[],
  ): RemoteCall[] {
    const namespace = nested?.namespaces[nested.entries.get(pid) ?? -1];
    if (namespace === undefined) return [];
    const context = this.#with(this.#options.taken);
    const fd = context.lowest.take();
    return [fetch(this.#options.contents, namespace.handle, fd), ...enter(context, fd), close(context, fd)];
  }

  /**
   * Gives them what they had, but for the network: through the root task, which has not done anything yet; or through
   * the coordinator, when only that is in them.
   */
  fill(root: Tracee, { rootIsSibling }: { readonly rootIsSibling: boolean }): void {
    const { contents, coordinator, tables } = this.#options;
    const lowest = this.lowestDescriptors();
    lowest.occupy(contents.base);
    const { calls, kept } = fillNamespaces({ ...contents, lowest }, this.#plan.namespaces, this.#hostMounts);
    const maker = this.entersLate ? coordinator() : root;
    tables.runInPieces(maker, calls);
    if (!this.entersLate && !rootIsSibling) this.#closeHostMounts();
    this.#takeMountNamespaces(maker, kept);
  }

  /** Gets the mount namespaces for the coordinator, from who has made them. */
  #takeMountNamespaces(maker: Tracee, kept: KeptNamespaces): void {
    const { mounts } = this.#plan.namespaces;
    const { coordinator, taken } = this.#options;
    const files = mounts?.nested?.namespaces.flatMap(({ handle, root }, number) => {
      const open = kept[number];
      return open === undefined ? [] : [[open.namespace, handle], [open.root, root]] as const;
    }) ?? [];
    if (files.length === 0) return;
    const own = maker === coordinator() ? files.map(([fd]) => fd) : [];
    const context = this.#with([...taken, ...own]);
    coordinator().run(takeFrom(context, maker.pid, files));
    maker.run(files.map(([fd]) => close(context, fd)));
  }

  /** Makes the mounts of terminals, for what is opened there. */
  makePtyMounts(): void {
    this.#changeMounts(makePtyMounts);
  }

  /** Makes mounts what they were when all that is made on them has been made. */
  sealMounts(): void {
    this.#changeMounts(sealMounts);
  }

  #changeMounts(compile: typeof makePtyMounts): void {
    const { mounts } = this.#plan.namespaces;
    if (mounts === undefined) return;
    const calls = compile(this.#with(this.#options.taken), mounts);
    if (calls.length > 0) this.#options.coordinator().run(calls);
  }

  /** Removes segments that were removed, and stay for those who use them. */
  removeSegments(): void {
    const { contents, coordinator, tables } = this.#options;
    tables.runInPieces(coordinator(), removeSegments(contents, this.#plan.namespaces));
  }

  /** Where cgrestore finds what is at `path` for the tasks: the coordinator has their mounts. */
  pathFromHere(path: string): string {
    return this.#plan.namespaces.mounts === undefined ? path : `/proc/${this.#options.coordinator().pid}/root${path}`;
  }

  /** Where cgrestore finds the root directory of a mount namespace of the tasks, or its own. */
  rootOf(mountNamespace: NamedNamespace): string {
    if (mountNamespace === "host") return "/";
    const namespace = this.#plan.namespaces.mounts?.nested?.namespaces[mountNamespace];
    const link = namespace === undefined ? "root" : `fd/${descriptorOf(this.#options.contents, namespace.root)}`;
    return `/proc/${this.#options.coordinator().pid}/${link}`;
  }

  /** Looks at them when all has been restored. */
  observe(): ObservedNamespaces {
    const { context: { sys }, contents, coordinator, tables } = this.#options;
    const { namespaces } = this.#plan;
    const { calls, read } = observeNamespaces(this.#with([]), namespaces);
    tables.runInPieces(coordinator(), calls);
    const directory = `/proc/${coordinator().pid}`;
    const links = new Map(namespaces.kinds.map((kind) => [kind, sys.readLink(`${directory}/ns/${kind}`)]));
    const readLinks = (fds: readonly number[]) => fds.map((fd) => sys.readLink(`${directory}/fd/${fd}`));
    const [mountLinks, netLinks] = [readLinks(contents.mountNamespaces), readLinks(contents.netNamespaces)];
    return { links, mountLinks, netLinks, ...read() };
  }

  #with(taken: readonly number[]): NamespacesContext {
    return { ...this.#options.contents, lowest: new LowestDescriptors(taken) };
  }
}
