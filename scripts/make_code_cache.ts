/**
 * The code cache of the self-extracting executable, as the database where Deno looks for it. V8 reads it as a whole at
 * each start, which is most of what the program adds to an empty one. So where the program can restore something here, the
 * cache has no functions but those that this took; else it has all.
 */
import { DatabaseSync } from "node:sqlite";
import { runDenoInNamespaces } from "../tests/contents/support/run_in_namespaces.ts";
import { run } from "./debian.ts";

/** What `start.js` calls the program. */
export const SPECIFIER = "file:///cgrestore.js";

/** Seconds in which the program has to restore something, which takes a few. */
const PATIENCE = 60;

/** For V8 to compile functions before they run. */
export const COMPILE_ALL = "--no-lazy";

export interface CodeCache {
  /** V8 takes the cache with these flags only. */
  readonly flags: readonly string[];
  /** Content of `v8_code_cache_v2` in DENO_DIR. */
  readonly database: Uint8Array<ArrayBuffer>;
}

interface Making {
  /** A directory with the program, `cgrestore.js`, and with `start.js`; for other files as well. */
  readonly work: string;
  readonly flags: readonly string[];
  /** Whether the program restores. */
  readonly restores: boolean;
  /** Seconds that it may take for that. */
  readonly patience?: number;
}

/** Makes the cache of a program; tells why it is not a small one. */
export async function makeCodeCache(making: Making): Promise<CodeCache> {
  const { work, flags, restores } = making;
  const small = restores ? await makeSmallCache(making) : "it is of another program";
  if (typeof small !== "string") return small;
  console.log(`The code cache has all functions, with which starts take longer: ${small}`);
  const withAll = [COMPILE_ALL, ...flags];
  return { flags: withAll, database: await makeDatabase(work, withAll) };
}

/** That of a program which has restored something, or why it cannot do so. */
async function makeSmallCache({ work, flags, patience = PATIENCE }: Making): Promise<CodeCache | string> {
  if (Deno.uid() !== 0) return "another one takes root";
  const output = `${work}/cache`;
  const script = new URL("train.ts", import.meta.url).pathname;
  try {
    await runDenoInNamespaces([v8Option(flags), script, `${work}/cgrestore.js`, output], patience);
    return { flags, database: await makeDatabase(work, flags, await Deno.readFile(output)) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The database of a DENO_DIR in which the program was started once, with another cache instead of that of this start. */
async function makeDatabase(
  work: string,
  flags: readonly string[],
  cache?: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const directory = await Deno.makeTempDir({ dir: work });
  const path = `${directory}/v8_code_cache_v2`;
  const start = ["run", "-A", v8Option(flags), "--no-config", "--no-lock", `${work}/start.js`, "version"];
  await run("env", [`DENO_DIR=${directory}`, Deno.execPath(), ...start]);
  using database = new DatabaseSync(path);
  database.prepare("DELETE FROM codecache WHERE specifier != ?").run(SPECIFIER);
  if (cache !== undefined) database.prepare("UPDATE codecache SET data = ?").run(cache);
  // Into one file, which has no holes.
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.exec("VACUUM");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return await Deno.readFile(path);
}

function v8Option(flags: readonly string[]): string {
  return `--v8-flags=${flags.join()}`;
}
