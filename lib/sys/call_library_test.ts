import { equal as assertEqual } from "node:assert/strict";
import { assemble } from "../../tests/support/assemble.ts";
import { CALL_FUNCTIONS, listCall } from "./call_library.ts";

for (const name of ["call", "call_pointer"] as const satisfies (keyof typeof CALL_FUNCTIONS)[]) {
  Deno.test(`the bytes of ${name} are what their listing assembles to`, async () => {
    const listing = listCall(name, "x86_64");
    const bytes = listing.map(([code]) => code).join("");
    assertEqual(bytes, await assemble(listing.map(([, assembly]) => assembly)));
  });
}
