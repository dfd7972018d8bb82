import { equal as assertEqual } from "node:assert/strict";
import { assemble } from "../../tests/support/assemble.ts";
import { AWAIT_LISTING, START_LISTING } from "./batch.ts";
import { listCall } from "./call_library.ts";
import { bytesOf, CPUID_LISTING, type Listing } from "./machine_code.ts";
import { SPAWN_LISTING } from "./spawn_sibling.ts";

const LISTINGS: Readonly<Record<string, Listing>> = {
  "spawn a sibling": SPAWN_LISTING,
  "ask the processor": CPUID_LISTING,
  "start a thread that reads files": START_LISTING,
  "await it": AWAIT_LISTING,
  "call what fails with -1": listCall("call", "x86_64"),
  "call what fails with NULL": listCall("call_pointer", "x86_64"),
};

for (const [what, listing] of Object.entries(LISTINGS)) {
  Deno.test(`the bytes that ${what} are what their listing assembles to`, async () => {
    assertEqual(bytesOf(listing).toHex(), await assemble(listing.map(([, assembly]) => assembly)));
  });
}
