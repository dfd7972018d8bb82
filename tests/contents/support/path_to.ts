import { dirname } from "node:path/posix";

/** The value of PATH for a program to be the first of its name that others find; a name without a directory is found anyway. */
export function pathTo(program: string): string {
  const path = Deno.env.get("PATH") ?? "";
  return program.includes("/") ? `${dirname(program)}:${path}` : path;
}
