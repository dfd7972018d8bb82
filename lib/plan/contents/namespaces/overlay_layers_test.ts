import assert from "node:assert/strict";
import { layersOf, optionProblem, overlayData, overlayOptions } from "./overlay_layers.ts";
import { parseMountOptions } from "./parse_mount_options.ts";

Deno.test("parseMountOptions() understands what the kernel has escaped", () => {
  assert.deepEqual(parseMountOptions("ro,lowerdir=/a\\040b:/c\\134\\054d=e,userxattr"), [
    { name: "ro" },
    { name: "lowerdir", value: "/a b:/c\\,d=e" },
    { name: "userxattr" },
  ]);
  assert.deepEqual(parseMountOptions(""), []);
});

Deno.test("layersOf() finds the directories that an overlay is made of", async (t) => {
  const rows: readonly (readonly [options: string, layers: readonly string[]])[] = [
    ["lowerdir=/a,upperdir=/u,workdir=/w,index=off", ["lower /a", "upper /u", "work /w"]],
    ["lowerdir=/a:b:/c d", ["lower /a", "lower b", "lower /c d"]],
    ["lowerdir=/a\\134:b\\134\\134:/c\\134\\054,upperdir=/u\\134:v", ["lower /a:b\\", "lower /c,", "upper /u:v"]],
    ["lowerdir=/a::/data::/more", ["lower /a", "lower /data", "lower /more"]],
    ["lowerdir+=/a:b,lowerdir+=/c\\134d,datadir+=/e", ["lower /a:b", "lower /c\\d", "lower /e"]],
    ["ro", []],
  ];
  for (const [options, layers] of rows) {
    await t.step(options, () => {
      assert.deepEqual(layersOf(parseMountOptions(options)).map(({ kind, path }) => `${kind} ${path}`), layers);
    });
  }
});

Deno.test("overlayOptions() makes options for mount(2) of any kernel", async (t) => {
  const rows: readonly (readonly [options: string, want: string])[] = [
    ["lowerdir=/a\\134:b:/c::/d,upperdir=/u,index=off", "lowerdir=/a\\:b:/c::/d,upperdir=/u,index=off"],
    ["lowerdir+=/a:b,lowerdir+=/c\\134d,datadir+=/e\\054f,userxattr", "lowerdir=/a\\:b:/c\\\\d::/e\\,f,userxattr"],
    ["upperdir=/u\\054v,workdir=/w\\134\\054x", "upperdir=/u\\,v,workdir=/w\\,x"],
    ["fsync=volatile,xino=on", "volatile,xino=on"],
    ["fsync=strict", "fsync=strict"],
  ];
  for (const [options, want] of rows) {
    await t.step(options, () => assert.equal(overlayData(overlayOptions(parseMountOptions(options))), want));
  }
});

Deno.test("optionProblem() tells of what does not fit into a page", () => {
  const longest = [{ name: "upperdir", value: "x".repeat(4095 - "upperdir=".length) }];
  assert.equal(optionProblem(longest), undefined);
  assert.equal(
    optionProblem([...longest, { name: "volatile" }]),
    "its options have 4104 bytes, and mount(2) takes no more than 4095",
  );
});
