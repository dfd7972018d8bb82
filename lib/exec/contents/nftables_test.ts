import { equal as assertEqual } from "node:assert/strict";
import { deleteTable } from "./nftables.ts";

Deno.test("deleteTable() is a batch of three messages", () => {
  const header = (length: string, type: string, flags: string) => `${length}000000${type}${flags}00` + "00".repeat(8);
  const expected = [
    header("14", "1000", "01") + "0000000a",
    // The attribute has 4 bytes of header, the name, and its NUL.
    header("1c", "020a", "05") + "01000000" + "07000100" + "61620000",
    header("14", "1100", "01") + "0000000a",
  ];
  assertEqual(deleteTable("ab").toHex(), expected.join(""));
});
