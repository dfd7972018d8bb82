import { deepEqual as assertEquals } from "node:assert/strict";
import { anIpcNamespace } from "../../tests/support/ipc_objects.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { forgetNamespaces } from "./forget_namespaces.ts";

const UTS = { hostName: "a", domainName: "b" };
const CLOCKS = { monotonic: 1n, boottime: 2n };

Deno.test("forgetNamespaces() leaves the other namespaces", () => {
  const checkpoint = {
    namespaces: new Set(["uts", "ipc", "pid"]),
    contents: { namespaces: { uts: UTS, ipc: anIpcNamespace(), clocks: CLOCKS } },
  } as unknown as Checkpoint;
  const found = forgetNamespaces(checkpoint, ["ipc", "time"]);
  assertEquals([...found.namespaces], ["uts", "pid"]);
  assertEquals(found.contents?.namespaces, { uts: UTS });
  assertEquals(forgetNamespaces(checkpoint, []), checkpoint);
});
