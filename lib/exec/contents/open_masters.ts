import { SysError } from "../../errors.ts";
import type { MasterOpening } from "../../plan/contents/terminals_plan.ts";
import { TIOCGPTN } from "../../sys/constants.ts";
import { cString } from "../../text.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee } from "../../tracee/tracee.ts";
import { close, duplicate } from "./files/file_calls.ts";
import { type ContentsContext, integers, LowestDescriptors, remoteCall } from "./remote.ts";

const AT_FDCWD = -100;
const O_RDWR = 2;
const O_NOCTTY = 0o400;

/** So many are opened before their numbers are looked at. */
const ROUND = 32;
/** Others may open and close pseudoterminals meanwhile: then more have to be opened than there are numbers. */
const MAX_EXTRA = 64;

/** How many descriptors that takes for a while. */
export function descriptorsForMasters(masters: readonly MasterOpening[]): number {
  const last = masters.at(-1);
  return last === undefined ? 0 : last.index + 1 + MAX_EXTRA;
}

/**
 * Opens masters in the coordinator, each at its own descriptor. The kernel gives the lowest number that is free, and
 * nothing tells which are: also those are taken whose file has gone while a slave is still open. So others are opened
 * until the numbers are reached.
 *
 * @param taken descriptors that the coordinator has
 * @throws {SysError} EBUSY for a number that is taken
 */
export function openMasters(
  context: ContentsContext,
  masters: readonly MasterOpening[],
  { coordinator, taken }: { readonly coordinator: Tracee; readonly taken: readonly number[] },
): void {
  const first = masters[0];
  const last = masters.at(-1);
  if (first === undefined || last === undefined) return;
  const lowest = new LowestDescriptors(taken);
  /** Descriptors by number. */
  const spares = new Map<number, number>();
  for (let highest = -1, opened = 0; highest < last.index; highest = Math.max(...spares.keys())) {
    const size = Math.min(ROUND, last.index - highest);
    opened += size;
    if (opened > descriptorsForMasters(masters)) throw inUse(last);
    for (const [index, fd] of openSpares(context, { coordinator, lowest, path: first.path, size })) {
      spares.set(index, fd);
    }
  }
  const calls: RemoteCall[] = [];
  for (const master of masters) {
    const fd = spares.get(master.index);
    if (fd === undefined) throw inUse(master);
    spares.delete(master.index);
    calls.push(close(context, fd));
    lowest.release(fd);
    calls.push(...openMaster(context, master, lowest.peek()));
  }
  for (const fd of spares.values()) calls.push(close(context, fd));
  coordinator.run(calls);
}

/** Opens masters, and returns descriptors by number. */
function openSpares(
  context: ContentsContext,
  { coordinator, lowest, path, size }: {
    readonly coordinator: Tracee;
    readonly lowest: LowestDescriptors;
    readonly path: string;
    readonly size: number;
  },
): Map<number, number> {
  const spares = Array.from({ length: size }, () => ({ fd: lowest.take(), number: new Uint8Array(4) }));
  coordinator.run(spares.flatMap(({ fd, number }) => openAndAsk(context, { path, flags: O_RDWR, fd }, number)));
  return new Map(spares.map(({ fd, number }) => [new DataView(number.buffer).getUint32(0, true), fd]));
}

function openAndAsk(
  context: ContentsContext,
  { path, flags, fd }: { readonly path: string; readonly flags: number; readonly fd: number },
  output: Uint8Array,
  expected?: Uint8Array,
): RemoteCall[] {
  const purpose = {
    attempt: `Cannot make a pseudoterminal by ${JSON.stringify(path)}`,
    hints: {
      ENOSPC: "there are too many already: see the sysctl kernel.pty.max",
      EPROTO: "somebody else has taken its number meanwhile: try again",
    },
  };
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(path), flags | O_NOCTTY], { ...purpose, expected: fd }),
    remoteCall(context, "ioctl", [fd, TIOCGPTN, { output, ...expected === undefined ? {} : { expected } }], purpose),
  ];
}

/** Its number is the lowest that is free by now. */
function openMaster(context: ContentsContext, { path, flags, index, handle }: MasterOpening, fd: number): RemoteCall[] {
  return [
    ...openAndAsk(context, { path, flags, fd }, new Uint8Array(4), integers(index)),
    duplicate(context, fd, handle),
    close(context, fd),
  ];
}

function inUse({ index }: MasterOpening): SysError {
  const attempt = `Cannot make the pseudoterminal /dev/pts/${index}`;
  const hint = "its number is in use on this host, maybe by a program whose terminal has been closed";
  return new SysError("open", "EBUSY", attempt, hint);
}
