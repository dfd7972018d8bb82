import { deepEqual, equal } from "node:assert/strict";
import { assemble } from "../../tests/support/assemble.ts";
import { AGENT_LISTING, SIBLING_STUB_LISTING, STUB_LISTING, X86_64 } from "./agent_x86_64.ts";
import { ENTRY_ARGUMENTS, ENTRY_RESULT, ENTRY_SIZE, SLOT_EXECUTED, SLOT_START, SLOT_TABLE } from "./agent_layout.ts";

for (
  const [name, listing] of [["agent", AGENT_LISTING], ["stub", STUB_LISTING], [
    "sibling's stub",
    SIBLING_STUB_LISTING,
  ]] as const
) {
  Deno.test(`the bytes of the ${name} are what its listing assembles to`, async () => {
    equal(await assemble(listing.map(([, assembly]) => assembly)), listing.map(([bytes]) => bytes).join(""));
  });
}

Deno.test("the offsets of the agent's entries are where the listing has them", () => {
  const offsetOf = (label: string) => {
    let offset = 0;
    for (const [bytes, assembly] of AGENT_LISTING) {
      if (assembly.startsWith(`${label}:`)) return offset;
      offset += bytes.length / 2;
    }
    throw new Error(`no label ${label}`);
  };
  equal(X86_64.park, offsetOf("park"));
  equal(X86_64.gadget, offsetOf("gadget"));
  equal(X86_64.compatGadget, offsetOf("compat_gadget"));
});

Deno.test("the agent and agent_layout.ts agree on the slot", () => {
  const text = AGENT_LISTING.map(([, assembly]) => assembly).join("\n");
  deepEqual(
    [SLOT_EXECUTED, SLOT_START, SLOT_TABLE, ENTRY_ARGUMENTS, ENTRY_RESULT, ENTRY_SIZE],
    [16, 24, 32, 8, 56, 64],
  );
  for (
    const used of [
      "[r15+16], rbx",
      "rbx, [r15+24]",
      "add r13, [r15+32]",
      "rdi, [r13+8]",
      "[r13+56], rax",
      "add r13, 64",
    ]
  ) {
    equal(text.includes(used), true, used);
  }
});

Deno.test("stub() carries the parent's pid", () => {
  const code = X86_64.stub(0x01020304);
  deepEqual([...code.slice(24, 29)], [0x3d, 4, 3, 2, 1]);
});
