import { equal as assertEqual } from "node:assert/strict";
import { smallContents } from "../../../tests/support/small_contents.ts";
import { Holders } from "./holder.ts";

Deno.test("Holders knows the first task that has one of some files", () => {
  const holders = new Holders(smallContents({ tasks: { 77: { 3: 30, 4: 31 }, 78: { 0: 31, 1: 32 } } }));
  assertEqual(holders.firstOf([31]), 77);
  assertEqual(holders.firstOf([32]), 78);
  assertEqual(holders.firstOf([32, 30]), 77);
  assertEqual(holders.firstOf([33]), undefined);
  assertEqual(holders.firstOf([]), undefined);
});
