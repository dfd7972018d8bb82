/**
 * Starts a process that stays in new namespaces until its standard input is closed, so that it does not outlive the
 * test.
 *
 * @param options those of unshare(1)
 * @param setup a command that is run first
 */
export async function startKeeper(options: readonly string[], setup = "true"): Promise<Deno.ChildProcess> {
  // Some versions of cat look whether anybody reads what they write before there is anything to write.
  const args = [...options, "sh", "-c", `${setup} && echo ready && exec cat >/dev/null`];
  const keeper = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = keeper.stdout.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  if (value !== undefined) return keeper;
  await endKeeper(keeper);
  throw new Error(`Cannot make namespaces with unshare ${options.join(" ")}`);
}

export async function endKeeper(keeper: Deno.ChildProcess): Promise<void> {
  await keeper.stdin.close();
  await keeper.status;
}
