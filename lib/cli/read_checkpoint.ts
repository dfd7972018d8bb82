import { readImages } from "../image/read_images.ts";
import { buildCheckpoint } from "../model/build_checkpoint.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import type { Sys } from "../sys/sys.ts";

/**
 * The checkpoint in a directory of images.
 *
 * @throws {ImageError} with everything that is wrong with it; {SysError} when it cannot be read
 */
export function readCheckpoint(sys: Sys, images: string): Checkpoint {
  return buildCheckpoint(readImages(sys, images));
}
