import type { TerminalFile } from "../../../model/files/terminal_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Opens a terminal by its name, without waiting for anybody at its other end. */
export interface OpenTerminalStep extends StepBase {
  readonly kind: "open-terminal";
  readonly handle: Handle;
  readonly path: string;
  readonly flags: number;
}

/** The handle of a virtual terminal, the console, or a serial line. */
export function planTerminalDevice(planner: FilePlanner, file: TerminalFile, holder: string): Handle | undefined {
  const { id, flags, path = "" } = file;
  if (!checkDevice(planner, file, holder)) return undefined;
  const handle = planner.fileHandle(id, { link: path, object: path, flags, position: 0 });
  planner.early.push({ kind: "open-terminal", handle, what: path, path, flags });
  adoptDevice(planner, file);
  return handle;
}

/**
 * CRIU tells virtual terminals apart by their names only: settings and device number are those of one of them, so at
 * least one name must lead to it.
 */
function checkDevice({ host, companions, problems }: FilePlanner, file: TerminalFile, holder: string): boolean {
  const { path = "", terminal } = file;
  const where = `${holder}, ${JSON.stringify(path)}`;
  const found = host.files.get(path);
  if (found === undefined) {
    problems.push({ where, what: "there is no such file here" });
    return false;
  }
  const openings = companions.of(file);
  if (openings.some((other) => host.files.get(other.path ?? "")?.device === terminal.device)) return true;
  problems.push({
    where,
    what: `it is device ${describe(found.device)} here, and was ${describe(terminal.device)} at the dump`,
  });
  return false;
}

/** Major and minor number, as ls(1) shows them. */
function describe(device: number): string {
  return `${device >>> 8 & 0xfff}:${device & 0xff | device >>> 12 & 0xfff00}`;
}

/** Once, by the name that leads to it. */
function adoptDevice({ host, terminals }: FilePlanner, { path = "", terminal }: TerminalFile): void {
  const { settings, device, isExclusive } = terminal;
  if (settings === undefined || host.files.get(path)?.device !== device) return;
  if (terminals.adoptions.some(({ by }) => by === path)) return;
  terminals.adoptions.push({ by: path, what: path, settings, isExclusive });
}
