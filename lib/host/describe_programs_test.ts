import assert from "node:assert/strict";
import { SysError } from "../errors.ts";
import type { Sys } from "../sys/sys.ts";
import { describePrograms } from "./describe_programs.ts";

const PROGRAM = 0o100755;
const MODES: Readonly<Record<string, number>> = {
  "/sbin/nft": PROGRAM,
  "/usr/sbin/nft": PROGRAM,
  "/sbin/data": 0o100644,
  "/usr/sbin/data": PROGRAM,
  "/sbin/directory": 0o040755,
  "./here": PROGRAM,
  "/usr/bin/other": PROGRAM,
};

function sysWith(path: string | undefined): Sys {
  return {
    getenv: (name: string) => name === "PATH" ? path : undefined,
    stat(file: string) {
      const mode = MODES[file];
      if (mode === undefined) throw new SysError("stat", "ENOENT", `Cannot look at "${file}"`);
      return { mode, uid: 0, gid: 0, size: 0, device: 0 };
    },
  } as Partial<Sys> as Sys;
}

Deno.test("describePrograms() finds programs as execvp(3) does", async (t) => {
  const rows:
    readonly (readonly [name: string, path: string | undefined, program: string, want: string | undefined])[] = [
      ["the first", "/sbin:/usr/sbin", "nft", "/sbin/nft"],
      ["what can be run", "/sbin:/usr/sbin", "data", "/usr/sbin/data"],
      ["no directory", "/sbin:/usr/sbin", "directory", undefined],
      ["none", "/sbin", "missing", undefined],
      ["in the working directory", "/sbin:", "here", "./here"],
      ["without PATH", undefined, "other", "/usr/bin/other"],
    ];
  for (const [name, path, program, want] of rows) {
    await t.step(name, () => assert.equal(describePrograms(sysWith(path), [program]).get(program), want));
  }
});
