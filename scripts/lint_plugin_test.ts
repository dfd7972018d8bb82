import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

interface Row {
  readonly name: string;
  readonly file: string;
  readonly source: string;
  /** Ids of the rules that complain, in order. */
  readonly found: readonly string[];
}

const rows: readonly Row[] = [
  {
    name: "a folder below in the table",
    file: "lib/plan/a.ts",
    source: 'import { a } from "../model/a.ts";',
    found: [],
  },
  { name: "the folder itself", file: "lib/plan/a.ts", source: 'import { b } from "./b.ts";', found: [] },
  { name: "the errors", file: "lib/sys/a.ts", source: 'import { SysError } from "../errors.ts";', found: [] },
  {
    name: "a folder above",
    file: "lib/plan/a.ts",
    source: 'import { a } from "../exec/a.ts";',
    found: ["house/layers"],
  },
  {
    name: "a type where types are allowed",
    file: "lib/plan/a.ts",
    source: 'import type { Host } from "../host/host.ts";',
    found: [],
  },
  {
    name: "types marked one by one",
    file: "lib/plan/a.ts",
    source: 'import { type Host, type Hierarchy } from "../host/host.ts";',
    found: [],
  },
  {
    name: "a value where types are allowed",
    file: "lib/plan/a.ts",
    source: 'import { a, type B } from "../host/host.ts";',
    found: ["house/layers"],
  },
  {
    name: "the one file of a folder",
    file: "lib/image/a.ts",
    source: 'import { a } from "../sys/files.ts";',
    found: [],
  },
  {
    name: "another file of that folder",
    file: "lib/image/a.ts",
    source: 'import { a } from "../sys/libc.ts";',
    found: ["house/layers"],
  },
  { name: "a re-export", file: "lib/sys/a.ts", source: 'export * from "../plan/a.ts";', found: ["house/layers"] },
  { name: "a dynamic import", file: "lib/sys/a.ts", source: 'import("../plan/a.ts");', found: ["house/layers"] },
  { name: "any import of a test", file: "lib/sys/a_test.ts", source: 'import { a } from "../plan/a.ts";', found: [] },
  {
    name: "a folder above, from a folder in a folder",
    file: "lib/plan/contents/a.ts",
    source: 'import { a } from "../../exec/a.ts";',
    found: ["house/layers"],
  },
  {
    name: "what a folder in a folder may import",
    file: "lib/plan/contents/a.ts",
    source: 'import "../../model/files/a.ts"; import "../a.ts"; import "../../text.ts";',
    found: [],
  },
  { name: "Deno in a folder in a folder", file: "lib/model/files/a.ts", source: "Deno.pid;", found: ["house/no-deno"] },
  { name: "a folder without a row", file: "lib/new/a.ts", source: 'import "../sys/a.ts";', found: ["house/layers"] },
  { name: "node: in lib", file: "lib/sys/a.ts", source: 'import "node:fs";', found: ["house/no-node-modules"] },
  { name: "node: in the program", file: "main.ts", source: 'import "node:fs";', found: ["house/no-node-modules"] },
  { name: "node: in a test", file: "lib/sys/a_test.ts", source: 'import "node:assert/strict";', found: [] },
  { name: "node: in a script", file: "scripts/a.ts", source: 'import "node:fs";', found: [] },
  { name: "Deno in a pure folder", file: "lib/plan/a.ts", source: "Deno.pid;", found: ["house/no-deno"] },
  { name: "a type of Deno", file: "lib/exec/a.ts", source: "let a: Deno.FsFile;", found: ["house/no-deno"] },
  {
    name: "Deno through globalThis",
    file: "lib/exec/a.ts",
    source: "globalThis.Deno.pid;",
    found: ["house/no-deno"],
  },
  { name: "Deno in lib/sys", file: "lib/sys/a.ts", source: "Deno.pid;", found: [] },
  { name: "a property with that name", file: "lib/plan/a.ts", source: "a.Deno; a = { console: 1 };", found: [] },
  { name: "console in lib", file: "lib/sys/a.ts", source: "console.log(1);", found: ["house/no-console"] },
  { name: "console in main.ts", file: "main.ts", source: "console.log(1);", found: [] },
  { name: "a good sentence", file: "lib/sys/a.ts", source: 'new Error("Cannot mount: EBUSY");', found: [] },
  {
    name: "a small letter",
    file: "lib/sys/a.ts",
    source: 'new PlanError("cannot mount");',
    found: ["house/error-sentence"],
  },
  {
    name: "a final period",
    file: "scripts/a.ts",
    source: "new UsageError(`Cannot read ${a}.`);",
    found: ["house/error-sentence"],
  },
  { name: "a value at the end", file: "lib/sys/a.ts", source: "new Error(`Cannot read ${a}`);", found: [] },
  {
    name: "a SysError's sentence",
    file: "lib/sys/a.ts",
    source: 'new SysError("mount", "EBUSY", "cannot mount");',
    found: ["house/error-sentence"],
  },
  { name: "private", file: "lib/sys/a.ts", source: "class A { private b = 1; }", found: ["house/hash-private"] },
  {
    name: "private method",
    file: "lib/sys/a.ts",
    source: "class A { private b() {} }",
    found: ["house/hash-private"],
  },
  { name: "private constructor", file: "lib/sys/a.ts", source: "class A { private constructor() {} }", found: [] },
  { name: "#name", file: "lib/sys/a.ts", source: "class A { #b = 1; }", found: [] },
];

Deno.test("the lint plugin reports what CONTRIBUTING.md forbids", async (t) => {
  for (const { name, file, source, found } of rows) {
    await t.step(name, () => {
      const diagnostics = Deno.lint.runPlugin(plugin, `/project/${file}`, source);
      assert.deepEqual(diagnostics.map(({ id }) => id), found);
    });
  }
});
