import { deepEqual } from "node:assert/strict";
import { MappingComparison } from "./verify_mappings.ts";

const CODE = { start: 0x400000, end: 0x401000, access: "r-xp", offset: 0x1000, name: "/bin/a" };
const HEAP = { start: 0x500000, end: 0x502000, access: "rw-p", offset: 0, name: "" };
const TEXT = `00400000-00401000 r-xp 00001000 fe:00 77    /bin/a
00500000-00501000 rw-p 00000000 00:00 0     [heap]
00501000-00502000 rw-p 00000000 00:00 0
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0     [vsyscall]
`;
const OTHER = TEXT.replace("/bin/a", "/bin/b");

Deno.test("MappingComparison finds what differs, whatever text came before", () => {
  const comparison = new MappingComparison();
  deepEqual(comparison.compare([CODE, HEAP], TEXT), []);
  deepEqual(comparison.compare([HEAP], TEXT), [
    "there is 400000-401000 r-xp 1000 /bin/a, which is too much",
  ]);
  deepEqual(comparison.compare([CODE, HEAP], OTHER), [
    "there is 400000-401000 r-xp 1000 /bin/b, and should be 400000-401000 r-xp 1000 /bin/a",
  ]);
  deepEqual(comparison.compare([CODE, { ...HEAP, end: 0x503000 }], TEXT), [
    "there is 500000-502000 rw-p 0, and should be 500000-503000 rw-p 0",
  ]);
});
