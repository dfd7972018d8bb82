import { equal as assertEqual } from "node:assert/strict";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { COMMON_MAGIC } from "../../../lib/image/magic.ts";
import { type core_entry, core_entrySchema } from "../../gen/core_pb.ts";

const WORD = 4;

/** Changes the only entry of an image file of the present format. */
export function editImage<Schema extends DescMessage>(
  path: string,
  schema: Schema,
  edit: (entry: MessageShape<Schema>) => void,
): void {
  const file = Deno.readFileSync(path);
  // The inventory has one magic, the others have two.
  const isCommon = new DataView(file.buffer).getUint32(0, true) === COMMON_MAGIC;
  const header = isCommon ? 2 * WORD : WORD;
  const entry = fromBinary(schema, file.subarray(header + WORD));
  edit(entry);
  const payload = toBinary(schema, entry);
  const edited = new Uint8Array(header + WORD + payload.length);
  edited.set(file.subarray(0, header));
  new DataView(edited.buffer).setUint32(header, payload.length, true);
  edited.set(payload, header + WORD);
  Deno.writeFileSync(path, edited);
}

/** Edits the core image of the root task. */
export function editCore(edit: (core: core_entry) => void): (images: string, root: number) => void {
  return (images, root) => editImage(`${images}/core-${root}.img`, core_entrySchema, edit);
}

/** The only file of a directory of images whose name is like that. */
export function only(images: string, name: RegExp): string {
  const names = [...Deno.readDirSync(images)].map((entry) => entry.name).filter((entry) => name.test(entry));
  assertEqual(names.length, 1);
  return `${images}/${names[0]}`;
}
