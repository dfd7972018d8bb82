import { deepEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { SysError } from "../../errors.ts";
import type { Sys } from "../../sys/sys.ts";
import type { NameEffect, RemoteCall } from "../../tracee/remote_call.ts";
import { MadeNames } from "./made_names.ts";

const ROOT = 3;

function call(kind?: Exclude<NameEffect["kind"], "moves">, path = ""): RemoteCall {
  return effectful(kind === undefined ? undefined : { kind, path });
}

function effectful(effect?: NameEffect): RemoteCall {
  const purpose = { call: "call", attempt: () => "Cannot call" };
  return { number: 0, arguments: [], purpose, ...effect === undefined ? {} : { effect } };
}

const MOVED = effectful({ kind: "moves", path: "/a", to: "/.a" });

/** What is removed by a kernel that answers some paths with an errno. */
function removals(names: MadeNames, errors: Readonly<Record<string, string>> = {}): string[] {
  const removed: string[] = [];
  const remove = (what: string) => (root: number, path: string) => {
    assertEquals(root, ROOT);
    const code = errors[path];
    if (code !== undefined) throw new SysError("unlinkat", code, `Cannot remove "${path}"`);
    removed.push(`${what} ${path}`);
  };
  const renameat = (root: number, from: string, to: string) => remove(`${from} back to`)(root, to);
  try {
    names.removeAll({ unlinkat: remove("file"), rmdirat: remove("directory"), renameat } as Partial<Sys> as Sys, ROOT);
  } finally {
    names.removeAll({} as Sys, ROOT);
  }
  return removed;
}

Deno.test("MadeNames removes what is left, the newest first", () => {
  const names = new MadeNames();
  names.note([
    call("makes-directory", "/a"),
    call(),
    call("makes-file", "/a/gone"),
    call("makes-file", "/a/b"),
    call("removes", "/a/gone"),
  ]);
  names.note([call("makes-directory", "/a/c")]);
  assertEquals(removals(names), ["directory a/c", "file a/b", "directory a"]);
});

Deno.test("MadeNames removes a name that was made twice at its last place", () => {
  const names = new MadeNames();
  names.note([
    call("makes-file", "/a"),
    call("removes", "/a"),
    call("makes-directory", "/b"),
    call("makes-file", "/a"),
  ]);
  assertEquals(removals(names), ["file a", "directory b"]);
});

Deno.test("MadeNames has nothing to remove where nothing is left", () => {
  const names = new MadeNames();
  names.note([call("makes-file", "/a"), call("removes", "/a")]);
  assertEquals(names.isEmpty, true);
  assertEquals(removals(names), []);
});

Deno.test("MadeNames goes on after names that cannot be removed, or are gone", () => {
  const names = new MadeNames();
  names.note([call("makes-file", "/a"), call("makes-file", "/b"), call("makes-file", "/c")]);
  assertEquals(removals(names, { c: "ENOENT" }), ["file b", "file a"]);
  names.note([call("makes-file", "/a"), call("makes-file", "/b")]);
  assertThrows(() => removals(names, { b: "EROFS" }), /Cannot remove "b": EROFS/);
  assertEquals(names.isEmpty, true);
});

Deno.test("MadeNames puts back what was moved out of the way, after what was made there", () => {
  const names = new MadeNames();
  names.note([MOVED, call("makes-file", "/a")]);
  assertEquals(removals(names), ["file a", ".a back to a"]);
});

Deno.test("MadeNames removes nothing but what was moved out of the way, and what is obsolete, where all is kept", () => {
  const names = new MadeNames();
  const removed: string[] = [];
  names.note([call("makes-directory", "/b"), MOVED, call("makes-file", "/a")]);
  const sys = { unlinkat: (_: number, path: string) => void removed.push(path) } as Partial<Sys> as Sys;
  names.keepAll(sys, ROOT, ["/obsolete"]);
  assertEquals(removed, [".a", "obsolete"]);
  assertEquals(names.isEmpty, true);
});
