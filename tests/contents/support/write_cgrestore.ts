import { cgrestoreCommand } from "../../support/run_cgrestore.ts";

/** Writes an executable that is cgrestore, whatever `cgrestoreCommand` needs for it, and knows what it is called by. */
export async function writeCgrestore(path: string): Promise<void> {
  const command = cgrestoreCommand().map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(path, `#!/bin/sh\nexport CGRESTORE_CALLED_AS="$0"\nexec ${command} "$@"\n`, { mode: 0o755 });
}
