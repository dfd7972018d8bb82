import { deepEqual, equal } from "node:assert/strict";
import { capabilityNames } from "./capability_names.ts";

Deno.test("capabilityNames() names the bits of a mask", () => {
  deepEqual(capabilityNames(0x200001n), ["CAP_CHOWN", "CAP_SYS_ADMIN"]);
  equal(capabilityNames((1n << 41n) - 1n).at(-1), "CAP_CHECKPOINT_RESTORE");
  deepEqual(capabilityNames(1n << 63n), ["CAP_63"]);
  deepEqual(capabilityNames(0n), []);
});
