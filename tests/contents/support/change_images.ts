/** Changes images, so that they are those of another machine. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { splitFrames } from "../../../lib/image/frame.ts";
import { magicsOf } from "../../../lib/image/magic.ts";
import { type mm_entry, mm_entrySchema } from "../../gen/mm_pb.ts";
import { frameEntries } from "../../support/build_images.ts";

/** `img_version` of all CRIUs since 1.4. */
const VERSION = 2;

/** Changes the image of an address space. */
export function changeSpace(images: string, pid: number, change: (entry: mm_entry) => void): void {
  const path = `${images}/mm-${pid}.img`;
  const [frame] = splitFrames(Deno.readFileSync(path), { type: "mm", file: path, version: VERSION }, []);
  if (frame === undefined) throw new Error(`Cannot change ${path}: it has no entry`);
  const entry = fromBinary(mm_entrySchema, frame.payload);
  change(entry);
  Deno.writeFileSync(path, frameEntries(magicsOf("mm", VERSION), [toBinary(mm_entrySchema, entry)]));
}
