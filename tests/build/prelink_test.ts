import { deepEqual, equal } from "node:assert/strict";
import { prelink } from "../../scripts/prelink.ts";
import { requires } from "../support/skip.ts";

/** Relocations of every kind: pointers to data and functions, symbols of libraries, thread-local storage, an ifunc. */
const PROGRAM = `
#include <stdio.h>
#include <stdlib.h>
static int one(void) { return 1; }
static int two(void) { return 2; }
static int (*resolve(void))(void) { return two; }
int chosen(void) __attribute__((ifunc("resolve")));
static int (*const table[])(void) = { one, two, chosen };
static const char *const words[] = { "alpha", "beta" };
static __thread int local = 7;
static int started;
__attribute__((constructor)) static void start(void) { started = 1; }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc)
{
  int numbers[] = { 3, 1, 2 };
  qsort(numbers, 3, sizeof(int), compare);
  local += argc;
  fprintf(stdout, "%d%d%d %s %s %d %d %d%d%d", table[0](), table[1](), table[2](), words[0], words[1], local, started,
    numbers[0], numbers[1], numbers[2]);
  return fclose(stdout);
}
`;

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const NAME = "a prelinked program runs, without relocations of its own";

Deno.test({
  name: NAME,
  ...requires(NAME, "cc"),
  async fn() {
    const work = await Deno.makeTempDir({ prefix: "cgr-prelink-" });
    try {
      await Deno.writeTextFile(`${work}/program.c`, PROGRAM);
      await run("cc", "-O1", "-fPIE", "-pie", "-Wl,-z,now", "-o", `${work}/program`, `${work}/program.c`);
      const made = prelink(await Deno.readFile(`${work}/program`));
      if (typeof made === "string") throw new Error(made);
      await Deno.writeFile(`${work}/fixed`, made, { mode: 0o755 });
      equal(await run(`${work}/program`), "122 alpha beta 8 1 123");
      const relocations = await run("readelf", "-rW", `${work}/fixed`);
      deepEqual(relocations.split("\n").filter((line) => line.includes("R_X86_64_RELATIV ")), []);
      equal(await run(`${work}/fixed`), await run(`${work}/program`));
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  },
});
