import type { FileHandle, WatchedPath, WatchTarget } from "../../../model/files/notify_files.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { showsDirectory } from "../namespaces/plan_mounts.ts";

/** Opens a file by its handle (open_by_handle_at(2)), only to name it. */
export interface OpenHandleStep extends StepBase {
  readonly kind: "open-by-handle";
  readonly handle: Handle;
  /** A directory of its file system. */
  readonly mount: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** How a file that is watched is named: by its path, or by a handle where it has none. */
export interface Watched {
  readonly target: string | Handle;
  /** As `StepBase` has it. */
  readonly mountNamespace?: number;
}

/** What is watched; `undefined`, with the problem told, where it is not here. */
export function planWatched(planner: FilePlanner, watched: WatchTarget, holder: string): Watched | undefined {
  switch (watched.kind) {
    case "path":
    case "mount":
      return planPath(planner, watched, holder);
    case "ghost":
      return asTarget(planGhost(planner, watched.ghost, holder));
    case "handle":
      return asTarget(planByHandle(planner, watched, holder));
  }
}

function asTarget(target: Handle | undefined): Watched | undefined {
  return target === undefined ? undefined : { target };
}

function planPath(planner: FilePlanner, { path, mount }: WatchedPath, holder: string): Watched | undefined {
  const seen = planner.seenFrom(mount);
  const isThere = seen.has(path) || seen.isUnseen(path);
  return isThere
    ? { target: path, ...seen.step }
    : planner.refuse(holder, `it watches ${quote(path)}, which is not here`);
}

/** A file without a name exists as long as somebody has it open. */
function planGhost(planner: FilePlanner, ghost: number, holder: string): Handle | undefined {
  for (const file of planner.companions.ofGhost(ghost)) {
    const handle = planner.get(fileKey(file.id));
    if (handle !== undefined) return handle;
  }
  return planner.refuse(holder, "it watches a file without a name that no task has open");
}

function planByHandle(planner: FilePlanner, { device, type, bytes }: FileHandle, holder: string): Handle | undefined {
  const { places } = planner.options;
  const found = places?.mountsOf(device).find((mount) => showsDirectory(mount, planner.host));
  const mount = places === undefined ? planner.host.mounts.get(device) : found?.mountPoint;
  if (mount === undefined) {
    return planner.refuse(holder, `it watches a file on device ${describeDevice(device)}, which is not mounted here`);
  }
  const { handle, isNew } = planner.handle(`watched ${device} ${type} ${bytes.toHex()}`);
  const what = `a file of ${quote(mount)} by its handle`;
  const { step } = planner.seenFrom(found?.id);
  if (isNew) planner.late.push({ kind: "open-by-handle", handle, what, mount, type, bytes, ...step });
  return handle;
}

/** As `ls -l` writes it. */
function describeDevice(device: number): string {
  return `${device >>> 20}:${device & 0xfffff}`;
}

function quote(path: string): string {
  return JSON.stringify(path);
}
