import { equal as assertEqual } from "node:assert/strict";
import { absolutePath, abstractNameKey, asidePath, parentOf, renderUnixName, unixNameKey } from "./unix_name.ts";
import type { AbstractName, PathName } from "./unix_socket.ts";

function path(path: string, directory?: string): PathName {
  return { kind: "path", path, isDeleted: false, ...directory === undefined ? {} : { directory } };
}

function abstract(text: string): AbstractName {
  return { kind: "abstract", bytes: new TextEncoder().encode(text) };
}

Deno.test("absolutePath() follows a relative path from its directory", () => {
  assertEqual(absolutePath(path("/run/web", "/tmp")), "/run/web");
  assertEqual(absolutePath(path("web", "/run")), "/run/web");
  assertEqual(absolutePath(path("web", "/")), "/web");
  assertEqual(absolutePath(path("web")), undefined);
});

Deno.test("parentOf() and asidePath() stay in the directory, the root included", () => {
  assertEqual(parentOf("/run/web"), "/run");
  assertEqual(parentOf("/web"), "/");
  assertEqual(asidePath("/run/web"), "/run/.cgrestore-web");
  assertEqual(asidePath("/web"), "/.cgrestore-web");
});

Deno.test("renderUnixName() writes names as the kernel does", () => {
  assertEqual(renderUnixName(path("web", "/run")), "web");
  assertEqual(renderUnixName(abstract("a\0b")), "@a@b");
});

Deno.test("unixNameKey() tells names apart", () => {
  assertEqual(unixNameKey(path("web", "/run")), unixNameKey(path("/run/web")));
  assertEqual(unixNameKey(abstract("/run/web")) === unixNameKey(path("/run/web")), false);
  assertEqual(unixNameKey(abstract("a\0b")) === unixNameKey(abstract("a@b")), false);
  assertEqual(abstractNameKey(2, abstract("a\0b")), "2 @a@b");
});
