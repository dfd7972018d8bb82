/**
 * Makes `tests/fixtures/contents`, checkpoints for machines without CRIU: `deno task fixtures [native|compat]`, as root.
 * All of so many bits are made anew, because their tasks run one executable.
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
  "pipes_in_routed_net",
  "connected_nets",
  "path_files_in_mnt",
  "compat_threads",
  "compat_signal_actions",
  "compat_clocks",
];

/** Makes all fixtures of one executable, in `directory`; returns their names. */
async function makeFixtures(isCompat: boolean, directory: string): Promise<readonly string[]> {
  const names = NAMES.filter((name) => settingOf(name).isCompat === isCompat);
  const holder = `${directory}/${isCompat ? "compat_holder" : "holder"}`;
  await compileSmallHolder(names.map((name) => settingOf(name).program), holder, { isCompat });
  for (const name of names) {
    const fixture = await runInNamespaces("dump_fixture.ts", holder, name, `${directory}/${name}.tar.gz`);
    await Deno.writeTextFile(`${directory}/${name}.json`, JSON.stringify(fixture, undefined, 2) + "\n");
  }
  await run("gzip", ["-9n", holder]);
  await Deno.chmod(`${holder}.gz`, 0o644);
  return names;
}

const targets = Deno.args.length === 0 ? ["native", "compat"] : Deno.args;
Deno.env.set(CRIU_VARIABLE, await installCriu());
for (const target of targets) {
  const directory = await Deno.makeTempDir({ prefix: "cgr-fixtures-" });
  const isCompat = target === "compat";
  const names = await makeFixtures(isCompat, directory);
  for (const { name } of Deno.readDirSync(FIXTURES)) {
    if (name !== "README.md" && settingOf(name).isCompat === isCompat) await Deno.remove(FIXTURES + name);
  }
  await run("cp", ["-r", `${directory}/.`, FIXTURES]);
  await Deno.remove(directory, { recursive: true });
  console.log(`${names.length} ${target} fixtures in ${FIXTURES}`);
}
