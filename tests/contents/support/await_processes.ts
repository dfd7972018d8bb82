import { waitUntil } from "../../support/kernel_state.ts";

/** Waits for the end of all processes whose command has a directory in it: what engines have tidy up behind a container. */
export async function awaitProcesses(directory: string): Promise<void> {
  await waitUntil(
    () => !listCommands().some((command) => command.includes(directory)),
    `processes of ${directory} stay`,
  );
}

function listCommands(): string[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
    } catch {
      // It is gone, whatever the error is called.
      return "";
    }
  });
}
