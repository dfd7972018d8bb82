import { readImages } from "../image/read_images.ts";
import { addMasters } from "../model/add_masters.ts";
import { addWatchedCgroups } from "../model/add_watched_cgroups.ts";
import { buildCheckpoint } from "../model/build_checkpoint.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { forgetNamespaces } from "../model/forget_namespaces.ts";
import type { JoinedNamespace } from "../plan/plan.ts";
import type { Sys } from "../sys/sys.ts";

/**
 * The checkpoint in a directory of images, with what its tasks hold unless they are to be placeholders.
 *
 * With `givesMasters`, pseudoterminals get the masters that were not dumped. What `joins` replaces is forgotten.
 *
 * @throws {ImageError} with everything that is wrong with it; {SysError} when it cannot be read
 */
export function readCheckpoint(
  sys: Sys,
  images: string,
  { placeholders = false, givesMasters = false, joins = [] }: ReadingOptions = {},
): Checkpoint {
  const dumped = buildCheckpoint(readImages(sys, images, { contents: !placeholders }));
  const checkpoint = addWatchedCgroups(forgetNamespaces(dumped, joins.map(({ kind }) => kind)));
  const { contents } = checkpoint;
  return contents === undefined || !givesMasters ? checkpoint : { ...checkpoint, contents: addMasters(contents) };
}

interface ReadingOptions {
  readonly placeholders?: boolean;
  readonly givesMasters?: boolean;
  readonly joins?: readonly JoinedNamespace[];
}
