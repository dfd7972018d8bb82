/** Assembles with binutils, which comes with every compiler; returns the bytes in hexadecimal. */
export async function assemble(
  lines: readonly string[],
  { bits = 64 }: { readonly bits?: 32 | 64 } = {},
): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/a.s`, [".intel_syntax noprefix", ...lines, ""].join("\n"));
    await run("as", `--${bits}`, "-o", `${directory}/a.o`, `${directory}/a.s`);
    await run("objcopy", "-O", "binary", "-j", ".text", `${directory}/a.o`, `${directory}/a.bin`);
    return (await Deno.readFile(`${directory}/a.bin`)).toHex();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
}
