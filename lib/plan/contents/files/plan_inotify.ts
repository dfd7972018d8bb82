import type { InotifyFile, InotifyWatch } from "../../../model/files/notify_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { planWatched, type Watched } from "./plan_watched.ts";

/** inotify_init(2) */
export interface InotifyStep extends StepBase {
  readonly kind: "make-inotify";
  readonly handle: Handle;
  readonly flags: number;
}

/** inotify_add_watch(2): last of all, so that nothing that a restore does is an event. */
export interface AddWatchStep extends StepBase {
  readonly kind: "add-watch";
  readonly handle: Handle;
  readonly number: number;
  readonly mask: number;
  readonly target: Watched["target"];
}

/** Events that had not been read are lost: CRIU has said so at the dump. */
export function planInotify(planner: FilePlanner, file: InotifyFile, holder: string): Handle {
  const { id, flags, watches } = file;
  const lines = watches.map(({ number, mask }) => `inotify wd:${number.toString(16)} * mask:${mask.toString(16)} *`);
  const handle = planner.fileHandle(id, { link: "anon_inode:inotify", flags, lines });
  planner.late.push({ kind: "make-inotify", handle, what: "an inotify instance", flags });
  planner.defer(() => {
    for (const watch of watches) planWatch(planner, watch, { handle, holder });
  });
  return handle;
}

function planWatch(
  planner: FilePlanner,
  { number, mask, target: watched }: InotifyWatch,
  { handle, holder }: { readonly handle: Handle; readonly holder: string },
): void {
  const place = planWatched(planner, watched, holder);
  if (place === undefined) return;
  planner.last.push({ kind: "add-watch", handle, what: `watch ${number} of ${holder}`, number, mask, ...place });
}
