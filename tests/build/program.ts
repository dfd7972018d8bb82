/** What the build tests put into an executable: does what its first argument says, without await at the top level. */

const [command, ...rest] = Deno.args;
switch (command) {
  case "arguments":
    console.log(JSON.stringify(rest));
    break;
  case "copy":
    Deno.stdin.readable.pipeTo(Deno.stdout.writable);
    break;
  case "environment":
    console.log(JSON.stringify(Deno.env.toObject()));
    break;
  case "exit":
    Deno.exit(Number(rest[0]));
    break;
  case "kill":
    Deno.kill(Deno.pid, "SIGTERM");
    setTimeout(() => {}, 60_000);
    break;
  case "throw":
    throw new Error("Cannot go on: told so");
  default:
    console.log(`pid ${Deno.pid}`);
}
