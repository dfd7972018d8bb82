import assert from "node:assert/strict";
import type { TaskKobjIdsEntry } from "../../gen/task_kobj_ids.ts";
import { buildNamespaceFile } from "./build_namespace_file.ts";

const NET = 0x4000_0000;
const IDS = { tasks: { netNsId: 7 } as TaskKobjIdsEntry, dumper: { netNsId: 5 } as TaskKobjIdsEntry };

Deno.test("buildNamespaceFile() tells whose a namespace was", async (t) => {
  const rows: readonly (readonly [whose: string, nsId: number, ids: Parameters<typeof buildNamespaceFile>[2]])[] = [
    ["tasks", 7, IDS],
    ["dumper", 5, IDS],
    ["others", 9, IDS],
    ["others", 0, { tasks: { netNsId: 0 } as TaskKobjIdsEntry, dumper: undefined }],
  ];
  for (const [whose, nsId, ids] of rows) {
    await t.step(`${nsId} of ${whose}`, () => {
      const file = buildNamespaceFile(3, { id: 3, nsId, nsCflag: NET, flags: 0o100000 }, ids);
      assert.deepEqual(file, { kind: "namespace", id: 3, flags: 0o100000, of: "net", whose });
    });
  }
});

Deno.test("buildNamespaceFile() does not know every kind", () => {
  const file = buildNamespaceFile(3, { id: 3, nsId: 7, nsCflag: 1, flags: 0 }, IDS);
  assert.deepEqual(file, { kind: "unknown", id: 3, what: "a namespace of an unknown kind" });
});
