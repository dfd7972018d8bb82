import { runProgram } from "./live_tree.ts";

/** In a VM it is linked statically. */
const BUSYBOX = "/usr/bin/busybox";
const DIRECTORIES = ["bin", "dev", "etc", "proc", "sys", "tmp", "usr/bin"];

/** Makes a root file system with nothing but busybox, and empty directories, also of these names. */
export async function makeBusyboxRoot(root: string, names: readonly string[] = []): Promise<void> {
  for (const name of [...DIRECTORIES, ...names]) await Deno.mkdir(`${root}/${name}`, { recursive: true });
  await Deno.copyFile(BUSYBOX, `${root}${BUSYBOX}`);
  const { code, err } = await runProgram([BUSYBOX, "--install", "-s", `${root}/bin`]);
  if (code !== 0) throw new Error(`Cannot make links to busybox: ${err}`);
}
