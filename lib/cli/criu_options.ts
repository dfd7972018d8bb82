/** An option as CRIU writes it; one with a value needs it. */
interface CriuOption {
  readonly name: string;
  readonly short?: string;
  /** The value's name. */
  readonly value?: string;
}

/** What CRIU's `restore` takes (criu/config.c, 4.2) and what has no effect on a restore by cgrestore. */
export const WITHOUT_EFFECT: readonly CriuOption[] = [
  // For dumps.
  { name: "tree", short: "t", value: "PID" },
  { name: "leave-running", short: "R" },
  { name: "link-remap" },
  { name: "evasive-devices" },
  { name: "ghost-limit", value: "SIZE" },
  { name: "ghost-fiemap" },
  { name: "skip-in-flight" },
  { name: "force-irmap" },
  { name: "irmap-scan-path", value: "FILE" },
  { name: "skip-mnt", value: "PATH" },
  { name: "enable-fs", value: "TYPE" },
  { name: "enable-external-sharing" },
  { name: "enable-external-masters" },
  { name: "freeze-cgroup", value: "DIR" },
  { name: "cgroup-props", value: "TEXT" },
  { name: "cgroup-props-file", value: "FILE" },
  { name: "cgroup-dump-controller", value: "NAME" },
  { name: "timeout", value: "SECONDS" },
  { name: "track-mem" },
  { name: "prev-images-dir", value: "DIR" },
  { name: "pre-dump-mode", value: "MODE" },
  { name: "network-lock", value: "METHOD" },
  { name: "allow-uprobes" },
  // For page servers.
  { name: "page-server" },
  { name: "address", value: "ADDRESS" },
  { name: "port", value: "PORT" },
  { name: "ps-socket", value: "FD" },
  { name: "status-fd", value: "FD" },
  { name: "tls" },
  { name: "tls-cacert", value: "FILE" },
  { name: "tls-cacrl", value: "FILE" },
  { name: "tls-cert", value: "FILE" },
  { name: "tls-key", value: "FILE" },
  { name: "tls-no-cn-verify" },
  // For how CRIU itself works, what it tells, and what it frees of the images.
  { name: "libdir", short: "L", value: "DIR" },
  { name: "log-pid" },
  { name: "display-stats" },
  { name: "auto-dedup" },
  { name: "deprecated" },
  { name: "mntns-compat-mode" },
  { name: "unprivileged" },
];

/** What CRIU's `restore` takes and cgrestore does not do, by name, and why: nobody is to think that it was done. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ["lazy-pages", "pages cannot be fetched later"],
  ["stream", "images are read from a directory, and not from criu-image-streamer"],
  ["exec-cmd", "no program can be run in the end"],
  ["lsm-mount-context", "security contexts cannot be set for mounts"],
  ["config", "there are no configuration files but those that container runtimes name"],
  ["close", "descriptors are not closed for others"],
]);
