/** Generates into a temporary directory, and fails when what is committed differs: prints the names that differ. */

import { generate, GENERATED } from "./generate.ts";

const ROOT = new URL("..", import.meta.url).pathname;

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

/** The generated files that are not what `proto` says. */
export async function checkGenerated(): Promise<string[]> {
  const fresh = await Deno.makeTempDir({ prefix: "cgrestore-check-" });
  try {
    await generate(fresh);
    const names = GENERATED.map(async (folder) => {
      const differing = await differingNames(`${ROOT}${folder}`, `${fresh}/${folder}`);
      return differing.map((name) => `${folder}/${name}`);
    });
    return (await Promise.all(names)).flat();
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
}

if (import.meta.main) {
  const names = await checkGenerated();
  for (const name of names) console.error(`${name} differs from what "deno task gen" makes`);
  if (names.length > 0) Deno.exit(1);
}
