import { equal as assertEqual, throws as assertThrows } from "node:assert/strict";
import { DenoFilesSys } from "../../tests/support/deno_files_sys.ts";
import { MAX_REGULAR_SIZE, readFile, readRegularFile } from "./files.ts";

/** Reads a file of so many bytes, all of which are holes. */
function readHoles(size: number, read: typeof readFile): number {
  const files = new DenoFilesSys();
  const path = Deno.makeTempFileSync({ prefix: "cgr-" });
  try {
    Deno.truncateSync(path, size);
    return read(files.sys, path).length;
  } finally {
    Deno.removeSync(path);
    assertEqual(files.left.length, 0);
  }
}

const MORE = 64 * 1024 * 1024 + 1;

Deno.test("readRegularFile() reads files that are larger than those of a kernel", () => {
  assertEqual(readHoles(MORE, readRegularFile), MORE);
  assertThrows(() => readHoles(MORE, readFile), { code: "EFBIG" });
});

Deno.test("readRegularFile() takes no more into memory than it says", () => {
  assertThrows(() => readHoles(MAX_REGULAR_SIZE + 1, readRegularFile), {
    code: "EFBIG",
    message: /more than 1073741824/,
  });
});
