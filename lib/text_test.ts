import { deepEqual, equal } from "node:assert/strict";
import { decodeText, encodeText, encodeTextInto, isEscaped } from "./text.ts";

Deno.test("decodeText() and encodeText() keep every byte", async (t) => {
  const rows: [name: string, bytes: number[], text: string][] = [
    ["nothing", [], ""],
    ["ASCII", [0x61, 0x2f], "a/"],
    ["UTF-8 of 2, 3 and 4 bytes", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], "é€😀"],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    ["Latin-1", [0x61, 0xe9, 0x62], "a\udce9b"],
    ["a cut character", [0xe2, 0x82], "\udce2\udc82"],
    ["an encoded surrogate", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["good after bad", [0xff, 0xc3, 0xa9], "\udcffé"],
    ["NUL", [0x61, 0, 0x62], "a\0b"],
  ];
  for (const [name, bytes, text] of rows) {
    await t.step(name, () => {
      equal(decodeText(Uint8Array.from(bytes)), text);
      deepEqual([...encodeText(text)], bytes);
      const memory = new Uint8Array(bytes.length);
      equal(encodeTextInto(text, memory), bytes.length);
      deepEqual([...memory], bytes);
      if (bytes.length > 0) equal(encodeTextInto(text, memory.subarray(1)), undefined);
      equal(isEscaped(text), /[\udc80-\udcff]/u.test(text));
    });
  }
  await t.step("all bytes", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    deepEqual(encodeText(decodeText(bytes)), bytes);
  });
});
