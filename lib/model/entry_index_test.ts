import { equal as assertEqual } from "node:assert/strict";
import { EntryIndex } from "./entry_index.ts";

Deno.test("EntryIndex finds the first entry with a number, in each list", () => {
  const index = new EntryIndex(({ id }: { readonly id: number; readonly name: string }) => id);
  const [one, other] = [[{ id: 7, name: "a" }, { id: 7, name: "b" }, { id: 8, name: "c" }], [{ id: 7, name: "d" }]];
  assertEqual(index.find(one, 7)?.name, "a");
  assertEqual(index.find(one, 8)?.name, "c");
  assertEqual(index.find(other, 7)?.name, "d");
  assertEqual(index.find(other, 8), undefined);
});
