/** Fetches Debian packages into a directory of ours, for tests; nothing of the running system changes. */

/** One Debian suite, as apt sees it from a private state directory. */
export interface Suite {
  readonly name: "bullseye" | "bookworm" | "trixie" | "sid";
  /** `-o` options that keep apt inside the state directory. */
  readonly options: readonly string[];
  readonly state: string;
}

const DEFAULT_MIRROR = "http://deb.debian.org/debian";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Runs a command; returns what it printed, and throws with what it complained about when it fails. */
export async function run(command: string, args: readonly string[], cwd?: string): Promise<string> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(cwd === undefined ? {} : { cwd }),
  });
  const { success, code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`Cannot run "${command} ${args.join(" ")}": status ${code}, ${decoder.decode(stderr).trim()}`);
  }
  return decoder.decode(stdout);
}

/** The mirror this machine gets Debian's packages from, else the public one. */
async function mirror(): Promise<string> {
  const targets = await run("apt-get", ["indextargets", "--format", "$(REPO_URI)"]).catch(() => "");
  return targets.split("\n").find((uri) => /\/debian\/?$/.test(uri)) ?? DEFAULT_MIRROR;
}

/** Has `use` do something with a suite, in a temporary directory, `state`, that is gone afterwards. */
export async function withSuite(name: Suite["name"], use: (suite: Suite) => Promise<void>): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "cgrestore-apt-" });
  try {
    await use(await openSuite(name, state));
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

/** Makes apt's view of a suite in an empty directory. */
async function openSuite(name: Suite["name"], state: string): Promise<Suite> {
  await Deno.mkdir(`${state}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${state}/cache/archives/partial`, { recursive: true });
  await Deno.writeTextFile(`${state}/status`, "");
  const signed = await Deno.stat(KEYRING).then(() => `[signed-by=${KEYRING}] `, () => "");
  await Deno.writeTextFile(`${state}/sources.list`, `deb ${signed}${await mirror()} ${name} main\n`);
  const settings = {
    "Dir::State": state,
    "Dir::State::lists": `${state}/lists`,
    "Dir::State::status": `${state}/status`,
    "Dir::Cache": `${state}/cache`,
    "Dir::Etc::sourcelist": `${state}/sources.list`,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "APT::Sandbox::User": "root",
    "APT::Install-Recommends": "false",
    "Acquire::Languages": "none",
  };
  const options = ["-qq", ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
  await run("apt-get", [...options, "update"]);
  return { name, options, state };
}

/** The packages that a package depends on. */
export async function dependencies(suite: Suite, name: string): Promise<string[]> {
  const depends = await run("apt-cache", [...suite.options, "depends", name]);
  return [...depends.matchAll(/Depends: (\S+)/g)].flatMap(([, dependency]) => dependency ?? []);
}

/** Downloads and unpacks packages into a directory: with `dependencies`, all that an empty system would need. */
export async function unpack(suite: Suite, names: readonly string[], into: string, dependencies: boolean) {
  const archives = `${suite.state}/cache/archives`;
  if (dependencies) await run("apt-get", [...suite.options, "-y", "--download-only", "install", ...names]);
  else await run("apt-get", [...suite.options, "download", ...names], archives);
  await Deno.mkdir(into, { recursive: true });
  for await (const { name } of Deno.readDir(archives)) {
    if (name.endsWith(".deb")) await run("dpkg-deb", ["-x", `${archives}/${name}`, into]);
  }
}
