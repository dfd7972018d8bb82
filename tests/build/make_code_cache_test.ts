import assert from "node:assert/strict";
import { COMPILE_ALL, makeCodeCache } from "../../scripts/make_code_cache.ts";
import { requires } from "../support/skip.ts";

const start = new URL("../../scripts/start.js", import.meta.url);
const FLAGS = ["--initial-heap-size=128"];

const CANNOT_RESTORE = [
  ["fails", "Deno.exitCode = 4;"],
  ["does not end", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);"],
] as const;
for (const [how, plan] of CANNOT_RESTORE) {
  const name = `where a restore ${how}, the code cache has all functions`;
  Deno.test({
    name,
    ...requires(name, "root", "pid-namespaces"),
    async fn() {
      const work = await Deno.makeTempDir({ prefix: "cgr-code-" });
      try {
        await Deno.copyFile(start, `${work}/start.js`);
        await Deno.writeTextFile(`${work}/cgrestore.js`, `if (Deno.args[0] === "plan") { ${plan} }`);
        const { flags, database } = await makeCodeCache({ work, flags: FLAGS, restores: true, patience: 8 });
        assert.deepEqual(flags, [COMPILE_ALL, ...FLAGS]);
        assert.ok(database.length > 0);
        assert.deepEqual(commandsWith(work), []);
      } finally {
        await Deno.remove(work, { recursive: true });
      }
    },
  });
}

/** Command lines of processes that have a text in them. */
function commandsWith(text: string): string[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => /^\d+$/.test(name));
  return pids.map(commandOf).filter((command) => command.includes(text));
}

function commandOf(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
