import assert from "node:assert/strict";
import type { TaskKobjIdsEntry } from "../../gen/task_kobj_ids.ts";
import type { NamespaceFile } from "./namespace_file.ts";
import { buildNamespaceFile, type NamespaceIds } from "./build_namespace_file.ts";

const NET = 0x4000_0000;
const IDS = { tasks: idsOf({ 1: 7, 3: 8, 4: 8, 5: 7 }), dumper: { netNsId: 5 } as TaskKobjIdsEntry };

/** Of tasks that are in these net namespaces. */
function idsOf(namespaces: Readonly<Record<number, number>>): NamespaceIds["tasks"] {
  const ids = Object.entries(namespaces).map(([pid, netNsId]) =>
    [Number(pid), { netNsId } as TaskKobjIdsEntry] as const
  );
  return new Map(ids);
}

Deno.test("buildNamespaceFile() tells whose a namespace was", async (t) => {
  type Owner = Pick<NamespaceFile, "whose" | "pid">;
  const rows: readonly (readonly [owner: Owner, nsId: number, ids: NamespaceIds])[] = [
    [{ whose: "tasks" }, 7, IDS],
    [{ whose: "tasks", pid: 3 }, 8, IDS],
    [{ whose: "dumper" }, 5, IDS],
    [{ whose: "others" }, 9, IDS],
    [{ whose: "others" }, 0, { tasks: idsOf({ 1: 0 }), dumper: undefined }],
  ];
  for (const [owner, nsId, ids] of rows) {
    await t.step(`${nsId} of ${owner.pid ?? owner.whose}`, () => {
      const file = buildNamespaceFile(3, { id: 3, nsId, nsCflag: NET, flags: 0o100000 }, ids);
      assert.deepEqual(file, { kind: "namespace", id: 3, flags: 0o100000, of: "net", ...owner });
    });
  }
});

Deno.test("buildNamespaceFile() does not know every kind", () => {
  const file = buildNamespaceFile(3, { id: 3, nsId: 7, nsCflag: 1, flags: 0 }, IDS);
  assert.deepEqual(file, { kind: "unknown", id: 3, what: "a namespace of an unknown kind" });
});
