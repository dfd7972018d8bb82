// The first module of the self-extracting executable. To V8, the program is a script and no module: of a script, a code
// cache can be had after it has run (make_code_cache.ts).
const program = Deno.readTextFileSync(new URL("cgrestore.js", import.meta.url));
const [, failure] = Deno[Deno.internal].core.evalContext(program, "file:///cgrestore.js");
if (failure !== null) throw failure.thrown;
