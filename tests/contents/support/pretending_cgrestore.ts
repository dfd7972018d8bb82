/**
 * cgrestore on a host of which some files say something else: the first argument is JSON, texts by path. So the ways
 * that are for older kernels are tested on this one.
 */
import { run } from "../../../lib/cli/run.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";

const [texts = "{}", ...args] = Deno.args;
const directory = Deno.makeTempDirSync({ prefix: "cgr-host-" });
const files = new Map(
  Object.entries<string>(JSON.parse(texts)).map(([path, text], index) => {
    Deno.writeTextFileSync(`${directory}/${index}`, text);
    return [path, `${directory}/${index}`];
  }),
);

function openSys() {
  const sys = openLinuxSys();
  const open = sys.open.bind(sys);
  sys.open = (path, flags, mode) => open(files.get(path) ?? path, flags, mode);
  return sys;
}

const output = { out: write(Deno.stdout), err: write(Deno.stderr), isTerminal: false, noColor: true };
Deno.exitCode = run(args, { openSys, output, calledAs: () => "criu" });
Deno.removeSync(directory, { recursive: true });

function write(stream: typeof Deno.stdout): (text: string) => void {
  return (text) => void stream.writeSync(new TextEncoder().encode(text));
}
