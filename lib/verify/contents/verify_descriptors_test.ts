import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { ExpectedFile } from "../../plan/contents/expected_file.ts";
import type { Sys } from "../../sys/sys.ts";
import { DescriptorComparison, matches } from "./verify_descriptors.ts";

const ROWS: readonly [line: string, pattern: string, matches: boolean][] = [
  ["eventfd-count: 5", "eventfd-count: 5", true],
  ["eventfd-count: 55", "eventfd-count: 5", false],
  ["tfd: 5 events: 19 data: 7 pos:0 ino:9 sdev:f", "tfd: 5 events: 19 data: 7 *", true],
  ["tfd: 5 events: 1 data: 7 pos:0 ino:9 sdev:f", "tfd: 5 events: 19 data: 7 *", false],
  ["inotify wd:1 ino:9 sdev:f mask:2 ignored_mask:0", "inotify wd:1 * mask:2 *", true],
  ["inotify wd:1 ino:9 sdev:f mask:20 ignored_mask:0", "inotify wd:1 * mask:2 *", false],
  ["NSpid: 77", "NSpid:* 77", true],
  ["NSpid: 901 77", "NSpid:* 77", true],
  ["NSpid: 177", "NSpid:* 77", false],
  ["ab", "ab*b", false],
];

Deno.test("matches() takes a star for anything", async (t) => {
  for (const [line, pattern, expected] of ROWS) {
    await t.step(`${pattern}: ${line}`, () => assertEqual(matches(line, pattern), expected));
  }
});

/** What /proc says of a descriptor. */
interface Found {
  readonly link: string;
  readonly flags?: string;
  readonly mount?: number;
  readonly inode?: number;
  readonly line?: string;
}

/** Compares descriptors 0, 1 and so on, which are not close-on-exec, of a task of which /proc says this. */
function compare(found: readonly Found[], expected: readonly ExpectedFile[], count?: number) {
  const linksRead: string[] = [];
  const linkOf = (name: string) => {
    linksRead.push(name);
    return found[Number(name)]?.link ?? "";
  };
  const calls: Partial<Sys> = {
    stat: () => ({ mode: 0, uid: 0, gid: 0, size: count ?? found.length, device: 0 }),
    open: () => 3,
    close: () => {},
    readDirectory: () => found.map((_, fd) => ({ name: String(fd), isDirectory: false })),
    readLink: (path) => linkOf(path.slice("/proc/77/fd/".length)),
    readLinks: (_, names) => names.map(linkOf),
    readAll: (_, names) =>
      names.map((name) => {
        const { flags = "02", mount = 14, inode = 5, line } = found[Number(name)] ?? { link: "" };
        const last = line === undefined ? "" : `${line}\n`;
        return `pos:\t0\nflags:\t${flags}\nmnt_id:\t${mount}\nino:\t${inode}\n${last}`;
      }),
  };
  const comparison = new DescriptorComparison(calls as Sys, { expectedFiles: new Map(expected.entries()) });
  const steps = expected.map((_, fd) => ({ fd, handle: fd, closeOnExec: false }));
  return { differences: comparison.compare("/proc/77", steps), linksRead };
}

const PIPE = { link: "pipe:[", isPrefix: true, flags: 2 };
const EVENTS = { link: "anon_inode:[eventfd]", flags: 2, lines: ["eventfd-count: 7"] };
const FOUND_EVENTS = { link: "anon_inode:[eventfd]", line: "eventfd-count:                7" };

Deno.test("DescriptorComparison.compare() reads no links that fdinfo tells", () => {
  const pipes = [8, 9, 9].map((inode) => ({ link: `pipe:[${inode}]`, mount: 13, inode }));
  const objects = ["pipe 1", "pipe 2", "pipe 2"].map((object) => ({ ...PIPE, object }));
  assertEquals(compare([...pipes, FOUND_EVENTS], [...objects, EVENTS]), { differences: [], linksRead: ["0"] });
});

Deno.test("DescriptorComparison.compare() tells what is different", () => {
  const socket = { link: "socket:[8]", mount: 9, inode: 8 };
  const pipes = [8, 9].map((inode) => ({ link: `pipe:[${inode}]`, mount: 13, inode }));
  const tell = (found: readonly Found[], expected: readonly ExpectedFile[], count?: number) => (
    compare(found, expected, count).differences
  );
  assertEquals(tell([{ ...FOUND_EVENTS, flags: "02000002" }], [EVENTS]), ["descriptor 0: close-on-exec is true"]);
  assertEquals(tell([{ ...FOUND_EVENTS, line: "eventfd-count: 70" }], [EVENTS]), [
    'descriptor 0: "eventfd-count: 7" is missing in fdinfo',
  ]);
  assertEquals(tell([pipes[0]!, socket], [PIPE, PIPE]), [
    'descriptor 1: it is "socket:[8]", and should be "pipe:["',
  ]);
  const objects = [{ ...PIPE, object: "pipe 1" }, { ...PIPE, object: "pipe 1" }];
  assertEquals(tell(pipes, objects), ["descriptor 1: it is another inode than pipe 1, and should be pipe 1"]);
  assertEquals(tell(pipes, [PIPE]), ["descriptor 1 is too much"]);
  assertEquals(tell([pipes[0]!], [PIPE, PIPE]), ["descriptor 1 is missing"]);
  assertEquals(tell(pipes, [PIPE, PIPE], 0), []);
});
