import assert from "node:assert/strict";
import { compareOverlay } from "./compare_overlay.ts";

const PLANNED = [
  { name: "lowerdir", value: "/a\\:b:/c" },
  { name: "upperdir", value: "/u" },
  { name: "workdir", value: "/w" },
  { name: "index", value: "on" },
  { name: "xino", value: "on" },
  { name: "volatile" },
];
const FOUND = ["rw", "lowerdir=/a\\:b:/c", "upperdir=/u", "workdir=/w", "index=on", "xino=on", "volatile"];

Deno.test("compareOverlay() finds what differs", async (t) => {
  const rows: readonly {
    readonly name: string;
    readonly found: readonly string[];
    readonly isDefault?: boolean;
    readonly want: readonly string[];
  }[] = [
    { name: "nothing", found: FOUND, want: [] },
    {
      name: "nothing where options are called otherwise",
      found: ["rw", "lowerdir+=/a:b", "lowerdir+=/c", ...FOUND.slice(2, -1), "fsync=volatile"],
      want: [],
    },
    {
      name: "a directory",
      found: ["rw", "lowerdir=/a\\:b", ...FOUND.slice(2)],
      want: [
        'it is made of lower "/a:b", upper "/u", work "/w", and should be of lower "/a:b", lower "/c", upper "/u", ' +
        'work "/w"',
      ],
    },
    {
      name: "an option with another value",
      found: FOUND.map((option) => option.replace("index=on", "index=off")),
      want: ["it does not have the option index=on"],
    },
    { name: "that it is read-only", found: ["ro", ...FOUND.slice(1)], want: ["it is read-only"] },
    {
      name: "options that are missing",
      found: FOUND.filter((option) => !["index=on", "volatile"].includes(option)),
      want: ["it does not have the option index=on", "it does not have the option volatile"],
    },
    {
      name: "not what the kernel has on by itself, or does not need",
      found: FOUND.filter((option) => !["index=on", "xino=on"].includes(option)),
      isDefault: true,
      want: [],
    },
  ];
  for (const { name, found, isDefault = false, want } of rows) {
    await t.step(name, () => {
      assert.deepEqual(compareOverlay({ options: PLANNED, flags: 0 }, { superOptions: found }, () => isDefault), want);
    });
  }
});
