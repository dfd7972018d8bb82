/**
 * Makes `tests/fixtures/contents`, checkpoints for machines without CRIU: `deno task fixtures`, as root. All of them are
 * made anew, because their tasks run one executable.
 */
import { compileSmallHolder } from "../tests/contents/support/compile_holder.ts";
import { FIXTURES, settingOf } from "../tests/contents/support/fixture.ts";
import { runInNamespaces } from "../tests/contents/support/run_in_namespaces.ts";
import { CRIU_VARIABLE } from "../tests/support/skip.ts";
import { run } from "./debian.ts";
import { installCriu } from "./install_criu.ts";

/** One or two for each kind of thing that tasks hold. */
const NAMES = [
  "several",
  "threads",
  "protections",
  "memfd_mapped",
  "pipes",
  "fifos",
  "path_files",
  "ghost_links",
  "posix_locks",
  "pending_signals",
  "posix_timers",
  "sessions",
  "zombies",
  "server",
  "unix_connections",
  "server_in_net",
  "path_files_in_mnt",
];

Deno.env.set(CRIU_VARIABLE, await installCriu());
const directory = await Deno.makeTempDir({ prefix: "cgr-fixtures-" });
const holder = `${directory}/holder`;
await compileSmallHolder(NAMES.map((name) => settingOf(name).program), holder);
for (const name of NAMES) {
  const fixture = await runInNamespaces("dump_fixture.ts", holder, name, `${directory}/${name}.tar.gz`);
  await Deno.writeTextFile(`${directory}/${name}.json`, JSON.stringify(fixture, undefined, 2) + "\n");
}
await run("gzip", ["-9n", holder]);
await Deno.chmod(`${holder}.gz`, 0o644);
for (const { name } of Deno.readDirSync(FIXTURES)) if (name !== "README.md") await Deno.remove(FIXTURES + name);
await run("cp", ["-r", `${directory}/.`, FIXTURES]);
await Deno.remove(directory, { recursive: true });
console.log(`${NAMES.length} fixtures in ${FIXTURES}`);
