import { deepEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { waitUntil } from "./kernel_state.ts";

/** Asserts that something becomes what is expected, some time after what has caused that. */
export async function assertBecomes<T>(actual: () => T, expected: T): Promise<void> {
  // What it is instead, the assertion tells.
  await waitUntil(() => isDeepStrictEqual(actual(), expected), "").catch(() => {});
  deepEqual(actual(), expected);
}
