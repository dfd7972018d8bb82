import { SysError } from "../../lib/errors.ts";
import type { Sys } from "../../lib/sys/sys.ts";

/** Texts by path, or the errno that opening it gives. */
export type Texts = Readonly<Record<string, { readonly text: string } | { readonly errno: string }>>;

/** A `Sys` that reads these files, one at a time, and can do nothing else. */
export function textsSys(files: Texts): Sys {
  let rest = new Uint8Array();
  const calls: Pick<Sys, "open" | "read" | "close"> = {
    open: (path) => {
      const file = files[path] ?? { errno: "ENOENT" };
      if ("errno" in file) throw new SysError("open", file.errno, `Cannot open "${path}"`);
      rest = new TextEncoder().encode(file.text);
      return 3;
    },
    read: (_, buffer) => {
      const count = Math.min(rest.length, buffer.length);
      buffer.set(rest.subarray(0, count));
      rest = rest.slice(count);
      return count;
    },
    close: () => {},
  };
  return calls as Sys;
}
