/** What the build tests put into an executable: does what its first argument says. */

const [command, ...rest] = Deno.args;
switch (command) {
  case "arguments":
    console.log(JSON.stringify(rest));
    break;
  case "copy":
    await Deno.stdin.readable.pipeTo(Deno.stdout.writable);
    break;
  case "environment":
    console.log(JSON.stringify(Deno.env.toObject()));
    break;
  case "exit":
    Deno.exit(Number(rest[0]));
    break;
  case "kill":
    Deno.kill(Deno.pid, "SIGTERM");
    await new Promise(() => {});
    break;
  case "throw":
    throw new Error("Cannot go on: told so");
  default:
    console.log(`pid ${Deno.pid}`);
}
