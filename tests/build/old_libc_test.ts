/** Hosts with an older C library than those that the other tests run on. */
import assert from "node:assert/strict";
import { run, unpack, withSuite } from "../../scripts/debian.ts";
import { exists } from "../support/exists.ts";
import { requires, skip } from "../support/skip.ts";

const project = new URL("../../", import.meta.url).pathname;
/** The glibc 2.31 of Debian 11 with a shell. */
const ROOT = `${project}.cache/old-libc`;

const PACKAGES = ["busybox-static", "libc6", "libgcc-s1"];

function lackOf(error: unknown): string {
  console.log(error instanceof Error ? error.message : error);
  return "Debian's bullseye cannot be had";
}

/** Makes the root directory of such a host, if it is not there; returns why it cannot be had, or nothing. */
async function makeRoot(): Promise<string | undefined> {
  if (exists(ROOT)) return undefined;
  const work = await Deno.makeTempDir({ prefix: "cgr-old-libc-" });
  const made = `${work}/root`;
  try {
    const reason = await withSuite("bullseye", (suite) => unpack(suite, PACKAGES, made, false)).catch(lackOf);
    if (reason !== undefined) return reason;
    for (const name of ["dev", "proc", "sys", "src", "tmp"]) Deno.mkdirSync(`${made}/${name}`, { recursive: true });
    await run("chroot", [made, "/bin/busybox", "--install", "-s", "/bin"]);
    await run("sh", ["-c", 'mkdir -p "$1" && mv -T "$0" "$1/old-libc"', made, `${project}.cache`]);
    return undefined;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Runs a command in a mount namespace of its own, with the project in /src, and a cache that is gone afterwards. */
async function runThere(command: string): Promise<string> {
  const mounts = [
    `mount --bind "${ROOT}" "${ROOT}"`,
    `mount --bind "${project}" "${ROOT}/src"`,
    `mount -t tmpfs tmpfs "${ROOT}/tmp"`,
    `mount -t proc proc "${ROOT}/proc"`,
    `mount --rbind /sys "${ROOT}/sys"`,
    `mount --rbind /dev "${ROOT}/dev"`,
    `exec chroot "${ROOT}" /bin/env -i PATH=/bin CGRESTORE_CACHE=/tmp/cache NO_COLOR=1 ${command}`,
  ];
  return await run("unshare", ["--mount", "--propagation", "private", "sh", "-ec", mounts.join("\n")]);
}

const NAME = "the executable runs with the C library of Debian 11";
const lacks = requires(NAME, "root");
Deno.test({
  name: NAME,
  ...lacks.ignore ? lacks : skip(NAME, await makeRoot()),
  async fn() {
    const executable = Deno.env.get("CGRESTORE") ?? `${project}.cache/tested/cgrestore`;
    if (!exists(executable)) {
      await run(Deno.execPath(), ["run", "-A", "scripts/build.ts", "--output", executable], project);
    }
    const images = "/src/tests/fixtures/checkpoints/start";
    const inside = executable.replace(project, "/src/");
    const out = await runThere(`${inside} restore --placeholders --rehearse --images ${images}`);
    assert.match(out, /^Rehearsed 5 tasks and 1 further thread: restored, verified and undone\n/);
  },
});
