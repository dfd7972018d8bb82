import { unescapeOctal } from "../../../text.ts";
import type { MountOption } from "./mounts_plan.ts";

/** The options of a file system as images have them, which is as the kernel shows them in /proc/PID/mountinfo. */
export function parseMountOptions(text: string): MountOption[] {
  return text.split(",").filter((option) => option !== "").map((option) => {
    const equals = option.indexOf("=");
    if (equals === -1) return { name: unescapeOctal(option) };
    return { name: unescapeOctal(option.slice(0, equals)), value: unescapeOctal(option.slice(equals + 1)) };
  });
}
