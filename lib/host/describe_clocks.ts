import { orUndefined } from "../errors.ts";
import type { Clocks } from "../model/namespaces.ts";
import { CLOCK_BOOTTIME, CLOCK_MONOTONIC } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";

const SECOND = 1_000_000_000n;

/** The clocks of this host, as they are without a time namespace; `undefined` where the kernel has none of these. */
export function describeClocks(sys: Sys): Clocks | undefined {
  const text = orUndefined(["ENOENT"], () => readText(sys, "/proc/self/timens_offsets"));
  if (text === undefined) return undefined;
  const { monotonic, boottime } = parseTimeOffsets(text);
  return { monotonic: sys.clock(CLOCK_MONOTONIC) - monotonic, boottime: sys.clock(CLOCK_BOOTTIME) - boottime };
}

/**
 * The offsets of a time namespace from `/proc/PID/timens_offsets` (time_namespaces(7)): a line for each clock, with its
 * name, or its number before Linux 5.7, seconds and nanoseconds.
 */
export function parseTimeOffsets(text: string): Clocks {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const find = (name: string, number: number) => {
    const [, seconds = "0", nanoseconds = "0"] = lines.find(([word]) => word === name || word === String(number)) ?? [];
    return BigInt(seconds) * SECOND + BigInt(nanoseconds);
  };
  return { monotonic: find("monotonic", CLOCK_MONOTONIC), boottime: find("boottime", CLOCK_BOOTTIME) };
}
