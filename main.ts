import { run } from "./lib/cli/run.ts";
import { openLinuxSys } from "./lib/sys/linux_sys.ts";

const encoder = new TextEncoder();

/** Writes all of `text`; a reader that has gone, as head(1) does, ends the writing and not the command. */
function makeWriter(stream: { writeSync(data: Uint8Array): number }): (text: string) => void {
  let hasReader = true;
  return (text) => {
    let rest = encoder.encode(text);
    while (hasReader && rest.length > 0) {
      try {
        rest = rest.subarray(stream.writeSync(rest));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        hasReader = false;
      }
    }
  };
}

/** The head of the self-extracting executable, of which we see nothing else, tells the name that it was called by. */
function calledAs(): string {
  const path = Deno.env.get("CGRESTORE_CALLED_AS") ?? Deno.readTextFileSync("/proc/self/cmdline").split("\0")[0];
  return path?.split("/").at(-1) ?? "";
}

const status = run(Deno.args, {
  openSys: openLinuxSys,
  calledAs,
  output: {
    out: makeWriter(Deno.stdout),
    err: makeWriter(Deno.stderr),
    isTerminal: Deno.stdout.isTerminal() && Deno.stderr.isTerminal(),
    noColor: Deno.noColor,
  },
});

// To end at once spares taking the heap apart. That leaves no code cache for the next start, which only the self-extracting
// executable has already; and a build runs this several times.
if (Deno.env.has("CGRESTORE_SET")) Deno.exit(status);
else Deno.exitCode = status;
