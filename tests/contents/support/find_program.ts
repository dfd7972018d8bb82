import { runProgram } from "./live_tree.ts";

/** The path of a program, which may be named by its path already. */
export async function findProgram(name: string): Promise<string> {
  const { code, out } = await runProgram(["which", name]);
  if (code !== 0) throw new Error(`Cannot find the program "${name}"`);
  return out.trim();
}
