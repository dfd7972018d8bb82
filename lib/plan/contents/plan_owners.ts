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
  for (const file of planner.contents.files.values()) {
    const handle = planner.get(fileKey(file.id));
    if (handle === undefined || file.kind === "unknown") continue;
    if (file.isAsync === true) planAsync(planner, file, handle);
    if (file.owner !== undefined) planOwner(planner, { id: file.id, owner: file.owner }, handle);
  }
}

function planOwner(
  planner: FilePlanner,
  { id, owner }: { readonly id: number; readonly owner: SignalOwner },
  handle: Handle,
): void {
  const { contents, host } = planner;
  const holder = describeHolder(contents, id);
  if (owner.pid !== 0 && !exists(planner, owner)) {
    const who = owner.kind === F_OWNER_PGRP ? "process group" : "process";
    planner.refuse(
      holder,
      `its signals go to ${who} ${owner.pid}, which is neither in the checkpoint nor on this host`,
    );
  }
  const [real, effective] = host.own.uids;
  planner.last.push({ kind: "set-owner", handle, what: holder, owner, ownUids: [real, effective] });
}

function exists({ host, tree }: FilePlanner, { kind, pid }: SignalOwner): boolean {
  const members = kind === F_OWNER_PGRP ? tree.groups : tree.tids;
  return members.has(pid) || host.outsiders.has(pid);
}

function planAsync(planner: FilePlanner, { id, flags, owner }: FileBase, handle: Handle): void {
  const all = flags | O_ASYNC;
  planner.expect(handle, { flags: all });
  const found = chooseDescriptor(planner.contents, id, owner?.pid);
  if (found !== undefined) planner.act(found.table, { kind: "set-async", fd: found.fd, flags: all });
  else planner.last.push({ kind: "set-async", handle, what: "a file that is on its way", flags: all });
}

/** A descriptor of the one who is signalled, if there is one; CRIU does not know by which it was. */
function chooseDescriptor({ tables, tasks }: Contents, file: number, pid: number | undefined) {
  const preferred = pid === undefined ? undefined : tasks.get(pid)?.table;
  const inOrder = preferred === undefined ? tables.keys() : [preferred, ...tables.keys()];
  for (const table of inOrder) {
    const fd = tables.get(table)?.find((descriptor) => descriptor.file === file)?.fd;
    if (fd !== undefined) return { table, fd };
  }
  return undefined;
}

/** Who has an open file: `"task 77, descriptor 5"`. */
function describeHolder({ tasks, tables }: Contents, file: number): string {
  for (const [pid, { table }] of tasks) {
    const fd = tables.get(table)?.find((descriptor) => descriptor.file === file)?.fd;
    if (fd !== undefined) return `task ${pid}, descriptor ${fd}`;
  }
  return "a file that is on its way";
}
