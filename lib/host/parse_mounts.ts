import { unescapeOctal } from "../text.ts";

/** A mount as /proc/PID/mountinfo tells of it (proc_pid_mountinfo(5)). */
export interface ListedMount {
  readonly id: number;
  readonly parent: number;
  readonly root: string;
  readonly mountPoint: string;
  /** Of the mount. */
  readonly options: readonly string[];
  /** Number of its peer group. */
  readonly peers?: number;
  /** Number of the peer group that it receives mounts from. */
  readonly master?: number;
  readonly isUnbindable: boolean;
  readonly type: string;
  readonly source: string;
  /** Of its file system. */
  readonly superOptions: readonly string[];
}

/** All mounts in the text of `/proc/PID/mountinfo`, in its order. */
export function parseMounts(text: string): ListedMount[] {
  return text.split("\n").flatMap((line) => parseMount(line) ?? []);
}

/** The mount that a line of that text tells of; `undefined` where the line does not have the documented form. */
export function parseMount(line: string): ListedMount | undefined {
  const separator = line.indexOf(" - ");
  const [id, parent, , root, mountPoint, options, ...fields] = line.slice(0, separator).split(" ");
  const [type, source, superOptions] = line.slice(separator + 3).split(" ");
  if (separator === -1 || root === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (type === undefined || source === undefined || superOptions === undefined) return undefined;
  const [peers, master] = ["shared:", "master:"].map((name) => fields.find((field) => field.startsWith(name)));
  return {
    id: Number(id),
    parent: Number(parent),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(","),
    ...peers === undefined ? {} : { peers: numberIn(peers) },
    ...master === undefined ? {} : { master: numberIn(master) },
    isUnbindable: fields.includes("unbindable"),
    type: unescapeOctal(type),
    source: unescapeOctal(source),
    superOptions: superOptions.split(",").map(unescapeOctal),
  };
}

function numberIn(field: string): number {
  return Number(field.slice(field.indexOf(":") + 1));
}
