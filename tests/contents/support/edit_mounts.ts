import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { splitFrames } from "../../../lib/image/frame.ts";
import { magicsOf } from "../../../lib/image/magic.ts";
import { type mnt_entry, mnt_entrySchema } from "../../gen/mnt_pb.ts";
import { frameEntries } from "../../support/build_images.ts";

/** `img_version` of all CRIUs since 1.4. */
const VERSION = 2;

/** Edits the mounts of the only mount namespace; those whose mount points are like that. */
export function editMounts(at: RegExp, edit: (entry: mnt_entry) => void): (images: string) => void {
  return (images) => {
    const name = [...Deno.readDirSync(images)].find((file) => file.name.startsWith("mountpoints-"))?.name;
    const path = `${images}/${name}`;
    const frames = splitFrames(Deno.readFileSync(path), { type: "mountpoints", file: path, version: VERSION }, []);
    const entries = frames.map(({ payload }) => fromBinary(mnt_entrySchema, payload));
    for (const entry of entries) if (at.test(entry.mountpoint)) edit(entry);
    const payloads = entries.map((entry) => toBinary(mnt_entrySchema, entry));
    Deno.writeFileSync(path, frameEntries(magicsOf("mountpoints", VERSION), payloads));
  };
}
