import { exists } from "../../support/exists.ts";
import { cgrestoreCommand } from "../../support/run_cgrestore.ts";

/**
 * Makes an executable that is cgrestore, and knows what it is called by: a link to the one that `CGRESTORE` names, or a
 * script for the sources. Who starts it may give it an environment of another kind, as conmon does for podman: the
 * script has Deno's cache with it.
 */
export async function writeCgrestore(path: string): Promise<void> {
  const [first, ...others] = cgrestoreCommand();
  if (exists(path)) await Deno.remove(path);
  if (others.length === 0) return await Deno.symlink(first, path);
  const command = [first, ...others].map(quote).join(" ");
  const cache = Deno.env.get("DENO_DIR");
  const exports = ['CGRESTORE_CALLED_AS="$0"', ...cache === undefined ? [] : [`DENO_DIR=${quote(cache)}`]];
  await Deno.writeTextFile(path, `#!/bin/sh\nexport ${exports.join(" ")}\nexec ${command} "$@"\n`, { mode: 0o755 });
}

function quote(word: string): string {
  return `'${word}'`;
}
