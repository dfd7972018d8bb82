import type { FanotifyFile, FanotifyMark } from "../../../model/files/notify_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { planWatched, type Watched } from "./plan_watched.ts";

/** fanotify_init(2) */
export interface FanotifyStep extends StepBase {
  readonly kind: "make-fanotify";
  readonly handle: Handle;
  readonly groupFlags: number;
  readonly eventFlags: number;
  readonly flags: number;
}

/** fanotify_mark(2) with FAN_MARK_ADD: last of all, so that nothing that a restore does is an event. */
export interface AddMarkStep extends StepBase {
  readonly kind: "add-mark";
  readonly handle: Handle;
  /** FAN_MARK_* */
  readonly flags: number;
  readonly mask: number;
  readonly target: Watched["target"];
}

/** uapi/linux/fanotify.h */
const FAN_MARK_MOUNT = 0x10;
const FAN_MARK_IGNORED_MASK = 0x20;
const FAN_MARK_IGNORED_SURV_MODIFY = 0x40;
const FAN_MARK_EVICTABLE = 0x200;
const FAN_MARK_IGNORE = 0x400;

/** Events that had not been read are lost: CRIU has said so at the dump. */
export function planFanotify(planner: FilePlanner, file: FanotifyFile, holder: string): Handle {
  const { id, flags, groupFlags, eventFlags, marks } = file;
  const group = `fanotify flags:${groupFlags.toString(16)} event-flags:${eventFlags.toString(16)}`;
  const lines = [group, ...marks.map(expectedLine)];
  const handle = planner.fileHandle(id, { link: "anon_inode:[fanotify]", flags, lines });
  planner.late.push({ kind: "make-fanotify", handle, what: "a fanotify instance", groupFlags, eventFlags, flags });
  planner.defer(() => {
    // The kernel tells the newest one first.
    for (const mark of marks.toReversed()) planMark(planner, mark, { handle, holder });
  });
  return handle;
}

function expectedLine({ flags, mask, ignoredMask }: FanotifyMark): string {
  const [mflags, events, ignored] = [flags, mask, ignoredMask].map((bits) => bits.toString(16));
  return `fanotify * mflags:${mflags} mask:${events} ignored_mask:${ignored}*`;
}

/** What is told and what is ignored are asked for one after the other. */
function planMark(
  planner: FilePlanner,
  { flags, mask, ignoredMask, target: watched }: FanotifyMark,
  { handle, holder }: { readonly handle: Handle; readonly holder: string },
): void {
  const place = planWatched(planner, watched, holder);
  if (place === undefined) return;
  const kind = (watched.kind === "mount" ? FAN_MARK_MOUNT : 0) | flags & FAN_MARK_EVICTABLE;
  const manner = (flags & FAN_MARK_IGNORE) === 0 ? FAN_MARK_IGNORED_MASK : FAN_MARK_IGNORE;
  const ignore = kind | manner | flags & FAN_MARK_IGNORED_SURV_MODIFY;
  const step = { kind: "add-mark", handle, what: `a mark of ${holder}`, ...place } as const;
  if (mask !== 0) planner.last.push({ ...step, flags: kind, mask });
  if (ignoredMask !== 0) planner.last.push({ ...step, flags: ignore, mask: ignoredMask });
}
