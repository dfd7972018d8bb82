import type { Problem } from "../../errors.ts";
import type { Host, HostFile } from "../../host/host.ts";
import type { Contents } from "../../model/contents.ts";
import type { PathFile } from "../../model/files/path_file.ts";
import type { Handle } from "./contents_plan.ts";
import type { FileStep } from "./file_step.ts";

/** What planning files works with, and what comes of it. */
export class FilePlanner {
  readonly steps: FileStep[] = [];
  readonly #handles = new Map<string, Handle>();

  constructor(
    readonly contents: Contents,
    readonly host: Pick<Host, "files">,
    readonly problems: Problem[],
    /** Numbers that are taken. */
    readonly numbers: { next: Handle },
  ) {}

  /** The handle that is known by `key`; a new one, whose step the caller adds, when there is none. */
  handle(key: string): { readonly handle: Handle; readonly isNew: boolean } {
    const known = this.#handles.get(key);
    if (known !== undefined) return { handle: known, isNew: false };
    const handle = this.numbers.next++;
    this.#handles.set(key, handle);
    return { handle, isNew: true };
  }

  /** The handle of an open file that has been planned. */
  get(key: string): Handle | undefined {
    return this.#handles.get(key);
  }

  /** Looks at a file on this host, and says what is wrong with it. */
  checkPath(file: PathFile, holder: string): HostFile | undefined {
    const found = this.host.files.get(file.path);
    const what = describeDifference(file, found);
    if (what !== undefined) this.problems.push({ where: `${holder}, ${JSON.stringify(file.path)}`, what });
    return found;
  }
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** How a file differs from the one that was dumped; as CRIU, by size, mode and build id (criu/files-reg.c). */
function describeDifference(file: PathFile, found: HostFile | undefined): string | undefined {
  if (found === undefined) return "there is no such file here";
  if (file.mode !== undefined && file.mode !== found.mode) {
    return `its mode is ${octal(found.mode)} here, and was ${octal(file.mode)} at the dump`;
  }
  const isRegular = (found.mode & S_IFMT) === S_IFREG;
  if (isRegular && file.size !== undefined && file.size !== found.size) {
    return `it has ${found.size} bytes here, and had ${file.size} at the dump`;
  }
  if (file.buildId !== undefined && found.buildId !== undefined && file.buildId !== found.buildId) {
    return `its build id is ${found.buildId} here, and was ${file.buildId} at the dump`;
  }
  return undefined;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
