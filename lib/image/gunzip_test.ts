import assert from "node:assert/strict";
import { gunzip } from "./gunzip.ts";

const LIMIT = 2 ** 24;

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Bytes that look random, and are the same each time. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) >>> 24);
}

Deno.test("gunzip() gives back what was compressed", async (t) => {
  const rows: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
    ["nothing", new Uint8Array()],
    ["a few bytes, with the fixed codes", new TextEncoder().encode("abcabcabc")],
    ["a long repetition", new Uint8Array(100_000).fill(7)],
    ["noise, which is stored", noise(200_000)],
    [
      "text, with codes of its own",
      new TextEncoder().encode(Array.from({ length: 9000 }, (_, i) => `line ${i * i}`).join()),
    ],
    ["noise of few values", noise(300_000).map((byte) => byte & 15)],
  ];
  for (const [name, bytes] of rows) {
    await t.step(name, async () => assert.deepEqual(gunzip(await gzip(bytes), LIMIT), bytes));
  }
});

Deno.test("gunzip() passes over a name and a comment", async () => {
  const plain = await gzip(new Uint8Array([1, 2, 3]));
  const named = new Uint8Array([
    ...plain.subarray(0, 3),
    0x18,
    ...plain.subarray(4, 10),
    97,
    0,
    98,
    98,
    0,
    ...plain.subarray(10),
  ]);
  assert.deepEqual(gunzip(named, LIMIT), new Uint8Array([1, 2, 3]));
});

Deno.test("gunzip() passes over zeros behind the end", async () => {
  const plain = await gzip(noise(700));
  const filled = new Uint8Array(10240);
  filled.set(plain);
  assert.deepEqual(gunzip(filled, LIMIT), noise(700));
});

Deno.test("gunzip() tells what is wrong", async (t) => {
  const good = await gzip(noise(5000).map((byte) => byte & 31));
  const changed = (at: number, byte: number) => good.map((old, index) => index === at ? byte : old);
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["no gzip", new Uint8Array([1, 2, 3]), "it is not compressed by gzip"],
    ["only a header", good.subarray(0, 12), "the file ends too early"],
    ["an unknown kind of block", changed(10, 7), "it has a block of an unknown kind"],
    ["a wrong checksum", changed(good.length - 8, (good.at(-8) ?? 0) ^ 1), "its checksum is not that of what it says"],
    ["a larger size", changed(good.length - 4, 0xff), "its size is another one than it says at its end"],
    ["a smaller size", changed(good.length - 3, 0), "its size is another one than it says at its end"],
    ["something behind it", new Uint8Array([...good, 0, 0, 1]), "something follows its end"],
  ];
  for (const [name, bytes, want] of rows) await t.step(name, () => assert.equal(gunzip(bytes, LIMIT), want));
  await t.step("too much", () => {
    assert.equal(gunzip(good, 100), "more than 100 bytes come of it, which are the most that are read");
  });
});

Deno.test("gunzip() never fails otherwise", async () => {
  const good = await gzip(noise(3000).map((byte) => byte & 7));
  for (let at = 0; at < good.length; at++) {
    const damaged = good.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x55;
    const found = gunzip(damaged, 2 ** 20);
    assert.ok(typeof found === "string" || found.length === 3000);
  }
});
