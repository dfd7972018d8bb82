/**
 * Puts Debian sid's CRIU beside the system, for the tests that compare with it, and prints its path:
 * `deno run -A scripts/install_criu.ts [DIRECTORY]` (default `.cache/criu`). Debian 12's own CRIU cannot run on
 * kernels newer than 6.12.
 */
import { run, unpack, withSuite } from "./debian.ts";

/** Where CRIU is put when nothing else is said. */
export const CRIU_DIRECTORY = new URL("../.cache/criu", import.meta.url).pathname;

/** Installs CRIU unless it is there and runs; returns the path of a script to call like `criu`. */
export async function installCriu(directory = CRIU_DIRECTORY): Promise<string> {
  const wrapper = `${directory}/criu`;
  if (await run(wrapper, ["--version"]).then(() => true, () => false)) return wrapper;
  await withSuite("sid", (suite) => unpack(suite, ["criu"], `${directory}/root`, true));
  await Deno.writeTextFile(wrapper, wrapperText(`${directory}/root`));
  await Deno.chmod(wrapper, 0o755);
  await run(wrapper, ["--version"]);
  return wrapper;
}

/** CRIU with the C library it was built for, which may be newer than the system's. */
function wrapperText(root: string): string {
  const libraries = `${root}/usr/lib/x86_64-linux-gnu`;
  return `#!/bin/sh\nexec "${libraries}/ld-linux-x86-64.so.2" --library-path "${libraries}:${root}/usr/lib" ` +
    `"${root}/usr/sbin/criu" "$@"\n`;
}

if (import.meta.main) console.log(await installCriu(Deno.args[0]));
