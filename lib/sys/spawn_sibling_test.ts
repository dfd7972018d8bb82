import { equal as assertEqual } from "node:assert/strict";
import { assemble } from "../../tests/support/assemble.ts";
import { SPAWN_LISTING } from "./spawn_sibling.ts";

Deno.test("the bytes that spawn a sibling are what their listing assembles to", async () => {
  const bytes = SPAWN_LISTING.map(([code]) => code).join("");
  assertEqual(bytes, await assemble(SPAWN_LISTING.map(([, assembly]) => assembly)));
});
