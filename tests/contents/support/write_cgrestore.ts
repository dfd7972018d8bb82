import { cgrestoreCommand } from "../../support/run_cgrestore.ts";

/**
 * Writes an executable that is cgrestore, whatever `cgrestoreCommand` needs for it, and knows what it is called by. Who
 * starts it may give it an environment of another kind, as conmon does for podman: it has Deno's cache with it.
 */
export async function writeCgrestore(path: string): Promise<void> {
  const command = cgrestoreCommand().map(quote).join(" ");
  const cache = Deno.env.get("DENO_DIR");
  const exports = ['CGRESTORE_CALLED_AS="$0"', ...cache === undefined ? [] : [`DENO_DIR=${quote(cache)}`]];
  await Deno.writeTextFile(path, `#!/bin/sh\nexport ${exports.join(" ")}\nexec ${command} "$@"\n`, { mode: 0o755 });
}

function quote(word: string): string {
  return `'${word}'`;
}
