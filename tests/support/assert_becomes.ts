import { deepEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { waitUntil } from "./kernel_state.ts";

/** Asserts that something becomes what is expected, some time after what has caused that. */
export async function assertBecomes<T>(actual: () => T | Promise<T>, expected: T): Promise<void> {
  // What it is instead, the assertion tells.
  await waitUntil(async () => isDeepStrictEqual(await actual(), expected), "").catch(() => {});
  deepEqual(await actual(), expected);
}
