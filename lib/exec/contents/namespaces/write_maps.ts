import { forEachAlways } from "../../../for_each_always.ts";
import { describeRanges } from "../../../model/id_ranges.ts";
import type { UserNamespace } from "../../../model/namespaces.ts";
import { O_WRONLY } from "../../../sys/constants.ts";
import type { Sys } from "../../../sys/sys.ts";
import { encodeText } from "../../../text.ts";

/** Says which ids there are in the new user namespace of the task `pid`. */
export function writeMaps(sys: Sys, { uids, gids }: UserNamespace, pid: number): void {
  for (const [file, ranges] of [["uid_map", uids], ["gid_map", gids]] as const) {
    const fd = sys.open(`/proc/${pid}/${file}`, O_WRONLY);
    // It takes one write only.
    forEachAlways([() => sys.write(fd, encodeText(describeRanges(ranges))), () => sys.close(fd)], (act) => act());
  }
}
