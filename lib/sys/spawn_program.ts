import { cString } from "../text.ts";
import type { Libc } from "./libc.ts";
import { addressOf } from "./memory.ts";

/** More than any C library takes for its opaque structures. */
const STRUCTURE_SIZE = 512;
const SIGSET_SIZE = 128;
const POSIX_SPAWN_SETSIGDEF = 0x04;
/** What the names of our caller's variables begin with whose place others have taken. */
const CALLERS = "CGRESTORE_CALLERS_";

export interface ProgramOptions {
  /** Its name, looked for in PATH unless it has a slash. */
  readonly path: string;
  /** What comes behind the name. */
  readonly args?: readonly string[];
  /** Beyond what our caller gave us. */
  readonly environment: Readonly<Record<string, string>>;
  /** The descriptor that becomes its standard input; absent: that is ours. */
  readonly input?: number;
  /** The descriptor that becomes its standard output and standard error. */
  readonly output: number;
}

/** Starts a program with default actions for all signals. Returns its pid, or a negated errno. */
export function spawnProgram(
  { symbols: c }: Libc,
  { path, args = [], environment, input, output }: ProgramOptions,
): number {
  const [actions, attributes] = [new Uint8Array(STRUCTURE_SIZE), new Uint8Array(STRUCTURE_SIZE)];
  const pid = new Int32Array(1);
  c.posix_spawn_file_actions_init(actions);
  c.posix_spawnattr_init(attributes);
  if (input !== undefined) c.posix_spawn_file_actions_adddup2(actions, input, 0);
  c.posix_spawn_file_actions_adddup2(actions, output, 1);
  c.posix_spawn_file_actions_adddup2(actions, 1, 2);
  // Deno ignores SIGPIPE, which would be inherited.
  c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
  c.posix_spawnattr_setsigdefault(attributes, new Uint8Array(SIGSET_SIZE).fill(0xff));
  const argv = new StringArray([path, ...args]);
  const entries = Object.entries({ ...environmentOfCaller(), ...environment });
  const envp = new StringArray(entries.map(([name, value]) => `${name}=${value}`));
  const file = cString(path);
  const code = c.posix_spawnp(pid, file, actions, attributes, argv.pointers, envp.pointers);
  c.posix_spawn_file_actions_destroy(actions);
  c.posix_spawnattr_destroy(attributes);
  return code === 0 ? pid[0] ?? 0 : -code;
}

/** What our environment was before the head of the self-extracting executable added to it (`scripts/launcher.sh`). */
function environmentOfCaller(): Record<string, string> {
  const variables = Object.entries(Deno.env.toObject());
  const added = new Set(["CGRESTORE_SET", ...Deno.env.get("CGRESTORE_SET")?.split(" ") ?? []]);
  const isSaved = (name: string) => name.startsWith(CALLERS);
  return Object.fromEntries([
    ...variables.filter(([name]) => !added.has(name) && !isSaved(name)),
    ...variables.filter(([name]) => isSaved(name)).map(([name, value]) => [name.slice(CALLERS.length), value]),
  ]);
}

/** Strings as C takes a list of them, ending with NULL. The strings live as long as this does. */
class StringArray {
  readonly pointers: BigUint64Array<ArrayBuffer>;
  readonly #texts: readonly Uint8Array<ArrayBuffer>[];

  constructor(texts: readonly string[]) {
    this.#texts = texts.map((text) => cString(text));
    this.pointers = new BigUint64Array(texts.length + 1);
    this.#texts.forEach((text, index) => {
      this.pointers[index] = addressOf(text);
    });
  }
}
