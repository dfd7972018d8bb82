import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type core_entry, core_entrySchema } from "../../gen/core_pb.ts";

/** Magics at the beginning of an image of the present format. */
const HEADER = 8;
const WORD = 4;

/** Changes the only entry of an image file. */
export function editImage<Schema extends DescMessage>(
  path: string,
  schema: Schema,
  edit: (entry: MessageShape<Schema>) => void,
): void {
  const file = Deno.readFileSync(path);
  const entry = fromBinary(schema, file.subarray(HEADER + WORD));
  edit(entry);
  const payload = toBinary(schema, entry);
  const edited = new Uint8Array(HEADER + WORD + payload.length);
  edited.set(file.subarray(0, HEADER));
  new DataView(edited.buffer).setUint32(HEADER, payload.length, true);
  edited.set(payload, HEADER + WORD);
  Deno.writeFileSync(path, edited);
}

/** Edits the core image of the root task. */
export function editCore(edit: (core: core_entry) => void): (images: string, root: number) => void {
  return (images, root) => editImage(`${images}/core-${root}.img`, core_entrySchema, edit);
}
