import { equal, match } from "node:assert/strict";
import { prelink } from "./prelink.ts";

/** The head of an ELF file: class and byte order, type, machine, and one program header of `type` at 64. */
function elf(fields: { order?: number; type?: number; machine?: number; segment?: number }): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(256);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46]);
  view.setUint16(4, fields.order ?? 0x0102, true);
  view.setUint16(16, fields.type ?? 3, true);
  view.setUint16(18, fields.machine ?? 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, fields.segment ?? 1, true);
  return file;
}

Deno.test("prelink() says why it leaves a file as it is", async (t) => {
  const rows: [name: string, file: Uint8Array<ArrayBuffer>, why: RegExp][] = [
    ["no ELF file", new TextEncoder().encode("#!/bin/sh\n".repeat(9)), /no ELF file/],
    ["32 bits", elf({ order: 0x0101 }), /no ELF file/],
    ["another machine", elf({ machine: 183 }), /no ELF file for x86-64/],
    ["an address of its own", elf({ type: 2 }), /not position-independent/],
    ["a static file", elf({ segment: 1 }), /no dynamic section/],
    ["cut off", elf({ segment: 2 }).slice(0, 100), /./],
  ];
  for (const [name, file, why] of rows) {
    await t.step(name, () => {
      const before = file.slice();
      const result = prelink(file);
      match(typeof result === "string" ? result : "a file", why);
      equal(file.every((byte, at) => byte === before[at]), true);
    });
  }
});
