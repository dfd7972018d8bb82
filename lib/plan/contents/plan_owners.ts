import type { Contents } from "../../model/contents.ts";
import type { FileBase, SignalOwner } from "../../model/open_file.ts";
import type { Handle } from "./contents_plan.ts";
import { fileKey, type FilePlanner } from "./file_planner.ts";
import type { StepBase } from "./file_step.ts";

/** fcntl(2) with F_SETSIG and F_SETOWN_EX: last of all, so that nothing that a restore does is signalled. */
export interface OwnerStep extends StepBase {
  readonly kind: "set-owner";
  readonly handle: Handle;
  readonly owner: SignalOwner;
  /** Real and effective uid of whoever does it. */
  readonly ownUids: readonly [real: number, effective: number];
}

/** fcntl(2) with F_SETFL and O_ASYNC: its signals name the descriptor by which it is done. */
export interface AsyncStep {
  readonly kind: "set-async";
  readonly fd: number;
  /** All of them. */
  readonly flags: number;
}

/** The same for a file that no task has a descriptor of. */
export interface HiddenAsyncStep extends StepBase {
  readonly kind: "set-async";
  readonly handle: Handle;
  readonly flags: number;
}

const O_ASYNC = 0o20000;
const F_OWNER_PGRP = 2;

/** Plans who is signalled of each open file that has been planned, and which files signal at all. */
export function planOwners(planner: FilePlanner): void {
  const holders = new Holders(planner.contents);
  for (const file of planner.contents.files.values()) {
    const handle = planner.get(fileKey(file.id));
    if (handle === undefined || file.kind === "unknown") continue;
    if (file.isAsync === true) planAsync(planner, file, { handle, holders });
    if (file.owner !== undefined) planOwner(planner, file.owner, { handle, holder: holders.describe(file.id) });
  }
}

function planOwner(
  planner: FilePlanner,
  owner: SignalOwner,
  { handle, holder }: { readonly handle: Handle; readonly holder: string },
): void {
  if (owner.pid !== 0 && !exists(planner, owner)) {
    const who = owner.kind === F_OWNER_PGRP ? "process group" : "process";
    planner.refuse(
      holder,
      `its signals go to ${who} ${owner.pid}, which is neither in the checkpoint nor on this host`,
    );
  }
  const [real, effective] = planner.host.own.uids;
  planner.last.push({ kind: "set-owner", handle, what: holder, owner, ownUids: [real, effective] });
}

function exists({ host, contents: { ids } }: FilePlanner, { kind, pid }: SignalOwner): boolean {
  const members = kind === F_OWNER_PGRP ? ids.groups : ids.tids;
  return members.has(pid) || host.outsiders.has(pid);
}

function planAsync(
  planner: FilePlanner,
  { id, flags, owner }: FileBase,
  { handle, holders }: { readonly handle: Handle; readonly holders: Holders },
): void {
  const all = flags | O_ASYNC;
  planner.expect(handle, { flags: all });
  const holding = holders.choose(id, owner?.pid);
  if (holding !== undefined) planner.act(holding.table, { kind: "set-async", fd: holding.fd, flags: all });
  else planner.last.push({ kind: "set-async", handle, what: holders.describe(id), flags: all });
}

/** A descriptor of an open file, the lowest one of its table, with a task that has the table. */
interface Holding {
  readonly table: number;
  readonly pid: number;
  readonly fd: number;
}

/** Who has the open files. */
class Holders {
  readonly #contents: Contents;
  readonly #byFile = new Map<number, Holding[]>();

  constructor(contents: Contents) {
    this.#contents = contents;
    const seen = new Set<number>();
    for (const [pid, { table }] of contents.tasks) {
      if (seen.has(table)) continue;
      seen.add(table);
      for (const { fd, file } of contents.tables.get(table) ?? []) this.#add(file, { table, pid, fd });
    }
  }

  #add(file: number, holding: Holding): void {
    const known = this.#byFile.get(file);
    if (known === undefined) this.#byFile.set(file, [holding]);
    else if (known.at(-1)?.table !== holding.table) known.push(holding);
  }

  /** A descriptor of the one who is signalled, if there is one: CRIU does not know by which it was asked for. */
  choose(file: number, signalled: number | undefined): Holding | undefined {
    const holdings = this.#byFile.get(file) ?? [];
    const table = signalled === undefined ? undefined : this.#contents.tasks.get(signalled)?.table;
    return holdings.find((holding) => holding.table === table) ?? holdings[0];
  }

  /** `"task 77, descriptor 5"` */
  describe(file: number): string {
    const holding = this.#byFile.get(file)?.[0];
    return holding === undefined ? "a file that no task has" : `task ${holding.pid}, descriptor ${holding.fd}`;
  }
}
