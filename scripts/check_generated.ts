/** Generates into a temporary directory, and fails when `lib/gen` differs from that: prints the names that differ. */

import { generate } from "./generate.ts";

const GENERATED = new URL("../lib/gen", import.meta.url).pathname;

/** Names of the files that are not the same in both directories, sorted. */
async function differingNames(one: string, other: string): Promise<string[]> {
  const [mine, theirs] = [await readTexts(one), await readTexts(other)];
  const names = new Set([...mine.keys(), ...theirs.keys()]);
  return [...names].filter((name) => mine.get(name) !== theirs.get(name)).sort();
}

async function readTexts(directory: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(directory)) {
    texts.set(name, await Deno.readTextFile(`${directory}/${name}`));
  }
  return texts;
}

/** Names of the files in `lib/gen` that are not what `proto` says. */
export async function checkGenerated(): Promise<string[]> {
  const fresh = await Deno.makeTempDir({ prefix: "cgrestore-check-" });
  try {
    await generate(fresh);
    return await differingNames(GENERATED, fresh);
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
}

if (import.meta.main) {
  const names = await checkGenerated();
  for (const name of names) console.error(`lib/gen/${name} differs from what "deno task gen" makes`);
  if (names.length > 0) Deno.exit(1);
}
