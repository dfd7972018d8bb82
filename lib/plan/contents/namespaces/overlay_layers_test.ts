import assert from "node:assert/strict";
import type { MountOption } from "./mounts_plan.ts";
import { layersOf, optionProblem, overlayOptions } from "./overlay_layers.ts";
import { parseMountOptions } from "./parse_mount_options.ts";

const LONG = "x".repeat(200);

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

Deno.test("overlayOptions() has fsconfig(2) take each directory of a long list, and what older kernels call otherwise", () => {
  const short: MountOption[] = [{ name: "lowerdir", value: "/a:/b::/c" }, { name: "ro" }];
  assert.deepEqual(overlayOptions(short), short);
  assert.deepEqual(overlayOptions([{ name: "lowerdir", value: `/a\\:${LONG}:/b${LONG}::/c` }, { name: "ro" }]), [
    { name: "lowerdir+", value: `/a:${LONG}` },
    { name: "lowerdir+", value: `/b${LONG}` },
    { name: "datadir+", value: "/c" },
    { name: "ro" },
  ]);
  assert.deepEqual(overlayOptions([{ name: "fsync", value: "volatile" }, { name: "fsync", value: "strict" }]), [
    { name: "volatile" },
    { name: "fsync", value: "strict" },
  ]);
});

Deno.test("optionProblem() tells what a kernel does not take", async (t) => {
  const rows: readonly {
    readonly name: string;
    readonly options: readonly MountOption[];
    readonly kernel: readonly [number, number];
    readonly want?: RegExp;
  }[] = [
    { name: "nothing", options: [{ name: "lowerdir", value: "/a:/b" }], kernel: [5, 12] },
    { name: "a comma", options: [{ name: "upperdir", value: "/a,b" }], kernel: [6, 4], want: /^Linux 6\.5 or newer/ },
    { name: "a comma that is taken", options: [{ name: "upperdir", value: "/a,b" }], kernel: [6, 5] },
    {
      name: "a long list",
      options: [{ name: "lowerdir", value: `/${LONG}:/${LONG}` }],
      kernel: [6, 6],
      want: /^Linux 6\.7 or newer is needed for a list of lower directories/,
    },
    { name: "a long list that is taken", options: [{ name: "lowerdir", value: `/${LONG}:/${LONG}` }], kernel: [6, 7] },
    {
      name: "a long path",
      options: [{ name: "workdir", value: `/${LONG}/${LONG}` }],
      kernel: [6, 18],
      want: /^its option workdir has more than 255 bytes/,
    },
  ];
  for (const { name, options, kernel, want } of rows) {
    await t.step(name, () => {
      const found = optionProblem(options, kernel);
      if (want === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", want);
    });
  }
});
