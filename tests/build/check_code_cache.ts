/** Whether V8 takes the code cache that was unpacked into a directory: `check_code_cache.ts DIRECTORY`. */
import { DatabaseSync } from "node:sqlite";
import { Script } from "node:vm";
import { SPECIFIER } from "../../scripts/make_code_cache.ts";

const [directory = ""] = Deno.args;
using database = new DatabaseSync(`${directory}/v8_code_cache_v2`, { readOnly: true });
const row = database.prepare("SELECT data FROM codecache WHERE specifier = ?").get(SPECIFIER);
const cachedData = row?.["data"];
if (!(cachedData instanceof Uint8Array)) throw new Error("There is no code cache");
const script = new Script(Deno.readTextFileSync(`${directory}/cgrestore.js`), { cachedData });
console.log(script.cachedDataRejected === false ? "taken" : "rejected");
