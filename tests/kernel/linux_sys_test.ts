/** `LinuxSys` on the real kernel. Needs root. Signals go to a separate `deno`, never to the one that runs the tests. */

import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";
import { SysError } from "../../lib/errors.ts";
import { encodeNetlink, NETLINK_ROUTE, NLM_F_REQUEST } from "../../lib/model/netlink_message.ts";
import { IFLA_IFNAME, linkHeader, parseRouteMessages, RTM_GETLINK, textValue } from "../../lib/model/route_message.ts";
import * as k from "../../lib/sys/constants.ts";
import { type LinuxSys, openLinuxSys } from "../../lib/sys/linux_sys.ts";
import * as w from "../../lib/sys/wait_status.ts";
import { type Requirement, requires } from "../support/skip.ts";

const LINUX_SYS = import.meta.resolve("../../lib/sys/linux_sys.ts");
const SPIN = 0x10087n;
/** A pid that no task has: the kernel's own limit. */
const NO_TASK = 4194304;
/** Milliseconds for what other tasks do: a VM without KVM is slow. */
const PATIENCE = 60_000;

/** One test with a `LinuxSys` and a directory of its own, both gone afterwards. */
function test(
  name: string,
  body: (sys: LinuxSys, directory: string) => void | Promise<void>,
  ...needs: Requirement[]
): void {
  Deno.test({
    name: `LinuxSys ${name}`,
    ...requires(`LinuxSys ${name}`, "root", ...needs),
    fn: async () => {
      using sys = openLinuxSys();
      const directory = sys.mkdtemp(`${Deno.env.get("TMPDIR") ?? "/tmp"}/cgr-linux-sys-XXXXXX`);
      try {
        await body(sys, directory);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    },
  });
}

/** Asserts that `action` fails with the errno `code`, and a message that matches `message`. */
function fails(action: () => unknown, code: string, message: RegExp): void {
  assert.throws(action, (error) => {
    assert(error instanceof SysError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Asserts that `action` takes `ms` each time, and two times not much more: a busy machine has other things to do, too. */
function lasts(ms: number, action: () => void): void {
  const times: number[] = [];
  const isLong = () => times.filter((time) => time < ms + 80).length < 2;
  while (isLong() && times.length < 50) {
    const begin = performance.now();
    action();
    times.push(performance.now() - begin);
  }
  const message = `${times.map((time) => time.toFixed(1)).join(", ")} ms instead of ${ms}`;
  assert(times.every((time) => time >= ms), message);
  assert(!isLong(), message);
}

/** Descriptors of two sockets that are connected. */
async function socketPair(path: string): Promise<Disposable & { readonly ends: readonly [number, number] }> {
  const stack = new DisposableStack();
  const added = async <T extends Disposable>(make: () => Promise<T>) => {
    const before = new Set(socketsOpen());
    stack.use(await make());
    const [fd] = socketsOpen().filter((fd) => !before.has(fd));
    assert(fd !== undefined);
    return fd;
  };
  const listener = stack.use(Deno.listen({ transport: "unix", path }));
  const one = await added(() => Deno.connect({ transport: "unix", path }));
  const other = await added(() => listener.accept());
  return { ends: [one, other], [Symbol.dispose]: () => stack.dispose() };
}

function socketsOpen(): number[] {
  const all = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name));
  return all.filter((fd) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch (error) {
      // The directory itself, which has been read.
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

function readText(sys: LinuxSys, path: string): string {
  const fd = sys.open(path, k.O_RDONLY);
  try {
    const buffer = new Uint8Array(new ArrayBuffer(65536));
    return new TextDecoder().decode(buffer.subarray(0, sys.read(fd, buffer)));
  } finally {
    sys.close(fd);
  }
}

/** A static executable that sleeps for ever; at SPIN begins a loop of breakpoints. */
function sleeper(): Uint8Array<ArrayBuffer> {
  const elf = new Uint8Array(new ArrayBuffer(160));
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  for (const [at, value] of [[16, 2], [18, 62], [20, 1], [52, 64], [54, 56], [56, 1]] as const) {
    view.setUint16(at, value, true);
  }
  const words = [[24, 0x10080], [32, 64], [80, 0x10000], [88, 0x10000], [96, 160], [104, 160], [112, 4096]] as const;
  for (const [at, value] of words) view.setBigUint64(at, BigInt(value), true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true); // readable, writable, executable
  // mov eax, SYS_pause; syscall; at SPIN: int3; jmp SPIN
  elf.set([0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xcc, 0xeb, 0xfd], 128);
  return elf;
}

/** Runs `body` with a fresh task, which is killed and reaped afterwards. */
function withTask(sys: LinuxSys, body: (pid: number) => void): void {
  const image = sys.memfdCreate("cgr-sleeper");
  sys.write(image, sleeper());
  const pid = sys.spawn(image);
  sys.close(image);
  try {
    body(pid);
  } finally {
    if (sys.taskExists(pid)) {
      sys.kill(pid, k.SIGKILL);
      while (!w.signaled(sys.wait(pid, PATIENCE)?.status ?? 0));
    }
  }
}

/** Waits without the event loop, from which Deno would reap our children. */
function sleepUntil(sys: LinuxSys, condition: () => boolean): void {
  const end = performance.now() + PATIENCE;
  while (!condition() && performance.now() < end) sys.sleep(5);
}

/** Whether the task of `sleeper` has made its system call, pause(2). */
function isPausing(pid: number): boolean {
  return Deno.readTextFileSync(`/proc/${pid}/syscall`).startsWith("34 ");
}

/** Runs `script` in a `deno` of its own, with `sys` open, and returns what it printed; `wrapper` goes before it. */
async function subject(script: string, wrapper: readonly string[] = []): Promise<string> {
  const source = `import { openLinuxSys } from ${JSON.stringify(LINUX_SYS)};
    const sys = openLinuxSys();
    const attempt = (action) => { try { return action(); } catch (error) { return error.code ?? String(error); } };
    const shell = (text) => new Deno.Command("sh", { args: ["-c", text] }).spawn();
    ${script}`;
  const [command = "", ...args] = [...wrapper, Deno.execPath(), "eval", "--ext=ts", source];
  const result = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).output();
  const text = new TextDecoder().decode(result.stdout).trim();
  assert.equal(result.code, 0, `${result.signal} ${text} ${new TextDecoder().decode(result.stderr)}`);
  return text;
}

test("opens, writes, reads and closes files", (sys, directory) => {
  const path = `${directory}/ünïcode`;
  const fd = sys.open(path, k.O_RDWR | k.O_CREAT | k.O_EXCL, 0o640);
  assert.equal(sys.write(fd, new Uint8Array([104, 105])), 2);
  assert.equal(sys.write(fd, new TextEncoder().encode("xx there!").subarray(2)), 7);
  sys.close(fd);
  assert.equal(readText(sys, path), "hi there!");
  assert.equal(Deno.readTextFileSync(path), "hi there!");
  fails(() => sys.close(fd), "EBADF", /^Cannot close file descriptor \d+: EBADF$/);
  fails(() => sys.read(fd, new Uint8Array(9)), "EBADF", /Cannot read/);
  fails(() => sys.open(path, k.O_CREAT | k.O_EXCL), "EEXIST", /^Cannot open ".*ünïcode": EEXIST$/);
  fails(() => sys.open(`${directory}/no`, 0), "ENOENT", /Cannot open/);
  fails(() => sys.open(`${directory}/a\0b`, 0), "EINVAL", /a\\u0000b/);
  fails(() => sys.open("x".repeat(5000), 0), "ENAMETOOLONG", /Cannot open/);
  fails(() => sys.open("x".repeat(50000), 0), "ENAMETOOLONG", /Cannot use the path/);
  assert.throws(() => sys.write(1, new Uint8Array(new SharedArrayBuffer(4))), TypeError);
});

test("tells what could not be written, and where", (sys, directory) => {
  Deno.writeTextFileSync(`${directory}/file`, "");
  const fd = sys.open(`${directory}/file`, k.O_RDONLY);
  fails(() => sys.write(fd, new TextEncoder().encode("1\n")), "EBADF", /^Cannot write "1\\n" to ".*\/file": EBADF$/);
  fails(() => sys.write(fd, new Uint8Array(100)), "EBADF", /^Cannot write 100 bytes to/);
  sys.close(fd);
});

test("reads files of proc", (sys) => {
  assert.match(readText(sys, "/proc/self/status"), /^Name:/);
  assert.match(readText(sys, "/proc/1/cgroup"), /^\d+:.*:\//);
});

test("opens beneath a directory and never outside it", (sys, directory) => {
  Deno.mkdirSync(`${directory}/in/deep`, { recursive: true });
  Deno.writeTextFileSync(`${directory}/out`, "");
  Deno.writeTextFileSync(`${directory}/in/deep/file`, "text");
  Deno.symlinkSync("deep/file", `${directory}/in/link`);
  Deno.symlinkSync("deep", `${directory}/in/way`);
  const fd = sys.open(`${directory}/in`, k.O_RDONLY | k.O_DIRECTORY);
  sys.close(sys.openBeneath(fd, "deep/file", k.O_RDONLY));
  fails(() => sys.openBeneath(fd, "../out", k.O_RDONLY), "EXDEV", /^Cannot open "\.\.\/out" beneath ".*\/in": EXDEV$/);
  fails(() => sys.openBeneath(fd, "deep/../../out", k.O_RDONLY), "EXDEV", /beneath/);
  fails(() => sys.openBeneath(fd, `${directory}/out`, k.O_RDONLY), "EXDEV", /beneath/);
  fails(() => sys.openBeneath(fd, "link", k.O_RDONLY), "ELOOP", /beneath/);
  fails(() => sys.openBeneath(fd, "way/file", k.O_RDONLY), "ELOOP", /beneath/);
  fails(() => sys.openBeneath(fd, "none", k.O_RDONLY), "ENOENT", /beneath/);
  const links = sys.open("/proc/self/fd", k.O_RDONLY | k.O_DIRECTORY);
  fails(() => sys.openBeneath(links, String(fd), k.O_RDONLY), "ELOOP", /beneath/);
  sys.close(links);
  sys.close(fd);
});

test("lists a big directory completely, again and again", (sys, directory) => {
  const names = Array.from({ length: 5000 }, (_, index) => `a-name-of-some-length-${index}`);
  for (const name of names) Deno.writeTextFileSync(`${directory}/${name}`, "");
  Deno.mkdirSync(`${directory}/sub`);
  const fd = sys.open(directory, k.O_RDONLY | k.O_DIRECTORY);
  for (let round = 0; round < 2; round++) {
    const entries = sys.readDirectory(fd);
    assert.deepEqual(entries.map((entry) => entry.name).sort(), [...names, "sub"].sort());
    assert.deepEqual(entries.filter((entry) => entry.isDirectory), [{ name: "sub", isDirectory: true }]);
  }
  sys.close(fd);
  const file = sys.open(`${directory}/${names[0]}`, k.O_RDONLY);
  fails(() => sys.readDirectory(file), "ENOTDIR", /Cannot list/);
  sys.close(file);
});

test("reads links", (sys, directory) => {
  Deno.symlinkSync("/some/où", `${directory}/link`);
  assert.equal(sys.readLink(`${directory}/link`), "/some/où");
  fails(() => sys.readLink(directory), "EINVAL", /^Cannot read the link/);
});

test("reads many small files and links of a directory", (sys, directory) => {
  const sizes = [0, 1, 127, 128, 8127, 8128, 8129, 20_000, ...Array.from({ length: 300 }, (_, index) => index)];
  const names = sizes.map((size, index) =>
    index % 40 === 7 ? `${size}.${"n".repeat(30 + index % 3)}` : `${index}.${size}`
  );
  sizes.forEach((size, index) => {
    const text = index % 9 === 8 ? "où?".repeat(size / 4) : "x".repeat(size);
    Deno.writeTextFileSync(`${directory}/${names[index]}`, text);
    Deno.symlinkSync(text.slice(0, 4000) || "nowhere", `${directory}/l${index}`);
  });
  const one = names.slice(0, 1);
  const links = names.map((_, index) => `l${index}`);
  for (const some of [names, one]) {
    assert.deepEqual(sys.readAll(directory, some), some.map((name) => Deno.readTextFileSync(`${directory}/${name}`)));
  }
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = open();
  for (const content of sys.readAhead(directory, names.slice(1))) {
    // The others are being read.
    assert.equal(new TextDecoder().decode(content), "x");
    break;
  }
  assert.equal(open(), before);
  for (const some of [links, one.map(() => "l0")]) {
    assert.deepEqual(sys.readLinks(directory, some), some.map((name) => Deno.readLinkSync(`${directory}/${name}`)));
  }
  fails(() => sys.readAll(directory, [...names, "none"]), "ENOENT", /^Cannot open ".*\/none"/);
  fails(() => sys.readLinks(directory, [...links, names[0] ?? ""]), "EINVAL", /^Cannot read the link ".*\/0\.0"/);
  fails(() => sys.readAll(`${directory}/none`, names), "ENOENT", /^Cannot open ".*\/none\/0\.0"/);
});

test("tells and sets owner, mode and size", (sys, directory) => {
  const fd = sys.open(`${directory}/file`, k.O_RDWR | k.O_CREAT, 0o600);
  sys.fchown(fd, 12, 4294967294);
  sys.fchmod(fd, 0o4751);
  sys.ftruncate(fd, 5_000_000_000);
  assert.deepEqual(sys.fstat(fd), {
    mode: k.S_IFREG | 0o4751,
    uid: 12,
    gid: 4294967294,
    size: 5_000_000_000,
    device: 0,
  });
  fails(() => sys.ftruncate(fd, -1), "EINVAL", /Cannot set the size of ".*file" to "-1"/);
  sys.close(fd);
  fails(() => sys.fstat(fd), "EBADF", /Cannot look at/);
  fails(() => sys.fchown(fd, 0, 0), "EBADF", /Cannot give/);
  fails(() => sys.fchmod(fd, 0o600), "EBADF", /Cannot set mode "600"/);
});

test("tells links from what they lead to, and one file from another", (sys, directory) => {
  const at = (name: string) => `${directory}/${name}`;
  Deno.writeTextFileSync(at("file"), "0123456789");
  Deno.linkSync(at("file"), at("same"));
  Deno.writeTextFileSync(at("other"), "");
  Deno.symlinkSync("file", at("link"));
  Deno.symlinkSync("nowhere", at("dangling"));
  assert.equal(sys.stat(at("link")).mode & k.S_IFMT, k.S_IFREG);
  assert.equal(sys.lstat(at("link")).mode & k.S_IFMT, k.S_IFLNK);
  assert.equal(sys.lstat(at("dangling")).size, "nowhere".length);
  fails(() => sys.lstat(at("none")), "ENOENT", /^Cannot look at ".*none"/);
  assert.equal(sys.identity(at("same")), sys.identity(at("link")));
  assert.notEqual(sys.identity(at("other")), sys.identity(at("file")));
  fails(() => sys.identity(at("dangling")), "ENOENT", /^Cannot look at ".*dangling"/);
});

test("waits for no FIFO when files are read ahead", (sys, directory) => {
  execFileSync("mkfifo", [`${directory}/fifo`]);
  const names = Array.from({ length: 100 }, (_, index) => index === 50 ? "fifo" : String(index));
  for (const name of names) if (name !== "fifo") Deno.writeTextFileSync(`${directory}/${name}`, name);
  const texts = [...sys.readAhead(directory, names)].map((content) => content && new TextDecoder().decode(content));
  assert.deepEqual(texts, names.map((name) => name === "fifo" ? undefined : name));
});

test("reads at an offset", (sys, directory) => {
  Deno.writeTextFileSync(`${directory}/file`, "0123456789");
  const fd = sys.open(`${directory}/file`, k.O_RDONLY);
  const buffer = new Uint8Array(4);
  assert.equal(sys.pread(fd, buffer, 3), 4);
  assert.equal(new TextDecoder().decode(buffer), "3456");
  assert.equal(sys.pread(fd, buffer, 8), 2);
  assert.equal(sys.read(fd, buffer), 4);
  assert.equal(new TextDecoder().decode(buffer), "0123");
  sys.close(fd);
  fails(() => sys.pread(fd, buffer, 0), "EBADF", /^Cannot read/);
});

test("tells file systems", (sys) => {
  const fd = sys.open("/proc", k.O_PATH);
  assert.equal(sys.fileSystemType(fd), k.PROC_SUPER_MAGIC);
  sys.close(fd);
  fails(() => sys.fileSystemType(fd), "EBADF", /Cannot tell the file system/);
});

test("makes and removes directories", (sys, directory) => {
  const fd = sys.open(directory, k.O_PATH);
  const before = sys.umask(0o027);
  sys.mkdirat(fd, "new", 0o777);
  assert.equal(sys.umask(before), 0o027);
  assert.equal((Deno.statSync(`${directory}/new`).mode ?? 0) & 0o777, 0o750);
  fails(() => sys.mkdirat(fd, "new", 0o777), "EEXIST", /^Cannot make the directory "new" in ".*": EEXIST$/);
  fails(() => sys.rmdirat(fd, "none"), "ENOENT", /^Cannot remove the directory "none" in/);
  sys.rmdirat(fd, "new");
  sys.close(fd);
  const made = sys.mkdtemp(`${directory}/t-XXXXXX`);
  assert.match(made, /\/t-[A-Za-z0-9]{6}$/);
  sys.rmdir(made);
  fails(() => sys.rmdir(made), "ENOENT", /Cannot remove the directory/);
  fails(() => sys.mkdtemp(`${directory}/no/XXXXXX`), "ENOENT", /Cannot make a directory like/);
});

test("removes files", (sys, directory) => {
  const fd = sys.open(directory, k.O_PATH);
  Deno.writeTextFileSync(`${directory}/file`, "");
  sys.unlinkat(fd, "file");
  fails(() => sys.unlinkat(fd, "file"), "ENOENT", /^Cannot remove "file" in/);
  sys.close(fd);
});

test("renames files", (sys, directory) => {
  const fd = sys.open(directory, k.O_PATH);
  Deno.writeTextFileSync(`${directory}/new`, "new");
  Deno.writeTextFileSync(`${directory}/old`, "old");
  sys.renameat(fd, "new", "old");
  assert.equal(Deno.readTextFileSync(`${directory}/old`), "new");
  fails(() => sys.renameat(fd, "new", "old"), "ENOENT", /^Cannot rename "new" to "old" in/);
  fails(() => sys.renameat(fd, "old", "a\0"), "EINVAL", /^Cannot rename "old" to/);
  sys.close(fd);
});

test("tells whether a unix socket answers", (sys, directory) => {
  const path = `${directory}/socket`;
  fails(() => sys.connectDatagram(path), "ENOENT", /^Cannot connect to ".*\/socket": ENOENT$/);
  const listener = Deno.listen({ transport: "unix", path });
  fails(() => sys.connectDatagram(path), "EPROTOTYPE", /Cannot connect/);
  // Its own name would be removed.
  Deno.renameSync(path, `${path}-left`);
  listener.close();
  fails(() => sys.connectDatagram(`${path}-left`), "ECONNREFUSED", /Cannot connect/);
  fails(() => sys.connectDatagram("x".repeat(108)), "EINVAL", /Cannot connect/);
});

test("makes sockets by which the kernel tells of our own network", (sys) => {
  const socket = sys.netlinkSocket(NETLINK_ROUTE);
  sys.write(socket, encodeNetlink({ type: RTM_GETLINK, flags: NLM_F_REQUEST, body: linkHeader(1) }));
  const answer = new Uint8Array(new ArrayBuffer(4096));
  const [message] = parseRouteMessages(answer.subarray(0, sys.read(socket, answer)));
  assert.deepEqual(message?.attributes.get(IFLA_IFNAME), textValue("lo"));
  sys.close(socket);
  fails(() => sys.netlinkSocket(99), "EPROTONOSUPPORT", /^Cannot make a socket of netlink for protocol 99/);
});

test("takes descriptors of tasks, and passes them on", async (sys, directory) => {
  const path = `${directory}/passed`;
  Deno.writeTextFileSync(path, "kept");
  const file = sys.open(path, k.O_RDONLY);
  const task = sys.pidfdOpen(Deno.pid);
  const taken = sys.pidfdGetfd(task, file);
  assert.notEqual(taken, file);
  assert.equal(sys.readLink(`/proc/self/fd/${taken}`), path);
  fails(() => sys.pidfdGetfd(task, 999_999), "EBADF", /^Cannot take descriptor 999999 of a task/);
  using pair = await socketPair(`${directory}/socket`);
  const { ends } = pair;
  sys.sendDescriptor(ends[0], new TextEncoder().encode("hello"), taken);
  assert.match(Deno.readTextFileSync(`/proc/self/fdinfo/${ends[1]}`), /scm_fds: 1/);
  const received = new Uint8Array(8);
  assert.equal(sys.read(ends[1], received), 5);
  assert.equal(new TextDecoder().decode(received.subarray(0, 5)), "hello");
  fails(() => sys.sendDescriptor(file, Uint8Array.of(1), taken), "ENOTSOCK", /^Cannot pass descriptor \d+ through /);
  fails(() => sys.sendDescriptor(ends[0], Uint8Array.of(1), 999_999), "EBADF", /^Cannot pass descriptor 999999/);
  for (const fd of [file, task, taken]) sys.close(fd);
});

test("makes every descriptor close-on-exec", (sys, directory) => {
  const flags = (fd: number) => /flags:\s*(\d+)/.exec(Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`))?.[1] ?? "";
  const closes = (fd: number) => (parseInt(flags(fd), 8) & k.O_CLOEXEC) !== 0;
  const opened = sys.open(directory, k.O_RDONLY);
  const beneath = sys.openBeneath(opened, ".", k.O_RDONLY);
  const memory = sys.memfdCreate("cgr-memory");
  for (const fd of [opened, beneath, memory]) {
    assert(closes(fd));
    sys.setCloseOnExec(fd, false);
    assert(!closes(fd));
    sys.setCloseOnExec(fd, true);
    assert(closes(fd));
    sys.close(fd);
  }
  fails(() => sys.setCloseOnExec(opened, true), "EBADF", /close-on-exec/);
});

test("mounts in a namespace of its own and comes back", (sys, directory) => {
  const home = sys.open("/proc/thread-self/ns/mnt", k.O_RDONLY);
  const here = sys.open(".", k.O_PATH);
  sys.unshare(k.CLONE_NEWNS);
  try {
    sys.mount("", "/", "", k.MS_REC | k.MS_PRIVATE, "");
    sys.mount("cgr", directory, "tmpfs", k.MS_NOSUID, "size=64k");
    const fd = sys.open(directory, k.O_PATH);
    assert.equal(sys.fileSystemType(fd), k.TMPFS_MAGIC);
    assert.match(readText(sys, "/proc/thread-self/mountinfo"), /tmpfs cgr rw,size=64k/);
    sys.close(fd);
    sys.umount2(directory, k.MNT_DETACH);
    fails(() => sys.umount2(directory, 0), "EINVAL", /^Cannot unmount/);
    const attempt = /^Cannot mount "cgr", type "nofs", options "a=b", on ".*": ENODEV$/;
    fails(() => sys.mount("cgr", directory, "nofs", 0, "a=b"), "ENODEV", attempt);
    sys.mount("cgr", directory, "tmpfs", 0, "");
  } finally {
    sys.setns(home, k.CLONE_NEWNS);
    sys.fchdir(here);
  }
  assert.equal(sys.readLink("/proc/thread-self/ns/mnt"), sys.readLink(`/proc/self/fd/${home}`));
  assert.doesNotMatch(Deno.readTextFileSync("/proc/thread-self/mountinfo"), new RegExp(directory));
  fails(() => sys.setns(here, 0), "EBADF", /Cannot enter the namespace/);
  fails(() => sys.unshare(0x1), "EINVAL", /Cannot leave the namespaces "0x1"/);
  sys.close(here);
  fails(() => sys.fchdir(here), "EBADF", /Cannot change the working directory/);
  sys.close(home);
});

test("knows tasks, groups and sessions", (sys) => {
  assert.equal(sys.getpid(), Deno.pid);
  assert.equal(sys.getsid(sys.getpid()), sys.getsid(0));
  assert.equal(sys.getpgid(sys.getpid()), sys.getpgid(0));
  assert(sys.taskExists(1) && sys.taskExists(Deno.pid) && !sys.taskExists(NO_TASK));
  assert(sys.groupExists(sys.getpgid(0)) && !sys.groupExists(NO_TASK));
  fails(() => sys.getsid(NO_TASK), "ESRCH", /^Cannot tell the session of task 4194304: ESRCH$/);
  fails(() => sys.getpgid(NO_TASK), "ESRCH", /process group/);
  fails(() => sys.kill(NO_TASK, 0), "ESRCH", /^Cannot send signal 0 to task 4194304: ESRCH$/);
  withTask(sys, (pid) => fails(() => sys.kill(pid, 99), "EINVAL", /signal 99/));
});

// With signal 0, which delivers nothing: should the guard ever be lost, this test fails and does no harm.
test("refuses to address anything but one task", (sys) => {
  for (const pid of [0, -1, -5, 1.5, NaN, 2 ** 32, 2 ** 32 - 1, 2 ** 31]) {
    assert.throws(() => sys.kill(pid, 0), RangeError);
    assert.throws(() => sys.taskExists(pid), RangeError);
    assert.throws(() => sys.groupExists(pid), RangeError);
    if (pid !== -1) assert.throws(() => sys.wait(pid, 0), RangeError);
  }
});

test("gives programs the environment of our caller", (sys, directory) => {
  const variables = {
    CGRESTORE_SET: "CGR_ADDED CGR_CHANGED CGR_MISSING",
    CGR_ADDED: "by the launcher",
    CGR_CHANGED: "by the launcher",
    CGRESTORE_CALLERS_CGR_CHANGED: "by the user as well",
    CGR_OWN: "by the user",
  };
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  const output = sys.open(`${directory}/output`, k.O_WRONLY | k.O_CREAT, 0o600);
  try {
    const pid = sys.spawnProgram("env", { environment: { CGR_MORE: "ours" }, output });
    assert.equal(sys.wait(pid, PATIENCE)?.status, 0);
    const seen = Deno.readTextFileSync(`${directory}/output`).split("\n").filter((line) => line.startsWith("CGR_"));
    assert.deepEqual(seen.sort(), ["CGR_CHANGED=by the user as well", "CGR_MORE=ours", "CGR_OWN=by the user"]);
  } finally {
    sys.close(output);
    Object.keys(variables).forEach((name) => Deno.env.delete(name));
  }
});

test("spawns, waits and reaps", (sys) => {
  withTask(sys, (pid) => {
    assert.equal(sys.wait(pid, 0), undefined);
    // The child is there before its program is.
    sleepUntil(sys, () => Deno.readTextFileSync(`/proc/${pid}/cmdline`) !== "");
    assert.equal(Deno.readTextFileSync(`/proc/${pid}/cmdline`), "cgrestore\0");
    assert.equal(Deno.readTextFileSync(`/proc/${pid}/environ`), "");
    sys.kill(pid, k.SIGTERM);
    const result = sys.wait(pid, PATIENCE);
    assert.equal(result?.pid, pid);
    assert(w.signaled(result.status) && w.termSignal(result.status) === k.SIGTERM && !w.exited(result.status));
    fails(() => sys.wait(pid, 0), "ECHILD", /^Cannot wait for task \d+: ECHILD$/);
    fails(() => sys.wait(pid, 1000), "ECHILD", /Cannot wait/);
  });
  const text = sys.memfdCreate("cgr-text");
  sys.write(text, new TextEncoder().encode("no program"));
  fails(() => sys.spawn(text), "ENOEXEC", /^Cannot run ".*cgr-text.*": ENOEXEC$/);
  sys.close(text);
});

test("waits no longer than asked", (sys) => {
  withTask(sys, (pid) => {
    for (const timeout of [1, 30, 250, 5]) {
      const message = /^Cannot wait for task \d+: ETIMEDOUT \(nothing in \d+ ms\)$/;
      lasts(timeout, () => fails(() => sys.wait(pid, timeout), "ETIMEDOUT", message));
    }
  });
});

test("shares memory, and takes it back safely", (sys) => {
  const fd = sys.memfdCreate("cgr-shared");
  sys.ftruncate(fd, 8192);
  const one = sys.mapShared(fd, 8192);
  const other = sys.mapShared(fd, 8192);
  one.bytes[8191] = 77;
  assert.equal(other.bytes[8191], 77);
  const view = new DataView(one.bytes.buffer);
  one.release();
  one.release();
  assert.equal(one.bytes.length, 0);
  assert.throws(() => view.getUint8(0), TypeError);
  other.release();
  sys.close(fd);
  fails(() => sys.mapShared(fd, 4096), "EBADF", /Cannot map/);
});

test(
  "makes calls where programs in memory are forbidden, and says that they are",
  async () => {
    const seen = await subject(
      `const open = attempt(() => sys.open("/no/such", 0));
      let message = "";
      try { sys.memfdCreate("x"); } catch (error) { message = error.message; }
      console.log(open, message);`,
      ["unshare", "-pf", "--mount-proc", "sh", "-c", `echo 2 > /proc/sys/vm/memfd_noexec && exec "$0" "$@"`],
    );
    assert.match(seen, /^ENOENT Cannot make the memory file "x": EACCES \(the sysctl vm\.memfd_noexec forbids/);
  },
  ...["pid-namespaces", "memfd-noexec"] as const,
);

test("says what is missing when it cannot be opened", async () => {
  const seen = await subject(
    `while (typeof attempt(() => sys.open("/dev/null", 0)) === "number");
    try { openLinuxSys(); } catch (error) { console.log(error.message); }`,
    ["sh", "-c", `ulimit -n 100 && exec "$0" "$@"`],
  );
  const attempt = "Cannot make the library for system calls in memory";
  assert.equal(seen, `${attempt}: EMFILE (raise the limit of open files, ulimit -n)`);
});

if (Deno.build.arch === "x86_64") {
  test("traces a task", (sys) => {
    withTask(sys, (pid) => {
      sys.ptraceSeize(pid, k.PTRACE_O_EXITKILL);
      fails(() => sys.ptraceSeize(pid, 0), "EPERM", /^Cannot seize task \d+: EPERM \(needs CAP_SYS_PTRACE, and/);
      fails(() => sys.ptraceContinue(pid, 0), "ESRCH", /Cannot continue task/);
      // Stopped any earlier, it is not yet where its breakpoints are.
      sleepUntil(sys, () => isPausing(pid));
      sys.ptraceInterrupt(pid);
      const stop = sys.wait(pid, PATIENCE)?.status ?? 0;
      assert(w.stopped(stop) && w.ptraceEvent(stop) === k.PTRACE_EVENT_STOP && w.stopSignal(stop) === k.SIGTRAP);
      const registers = new BigUint64Array(27);
      sys.ptraceGetRegisters(pid, registers);
      assert.equal(registers[16], SPIN);
      registers[15] = 2n ** 64n - 1n; // orig_rax: no system call to restart
      sys.ptraceSetRegisters(pid, registers);
      for (let round = 0; round < 500; round++) {
        sys.ptraceContinue(pid, 0);
        const status = sys.wait(pid, PATIENCE)?.status ?? 0;
        assert(w.stopped(status) && w.stopSignal(status) === k.SIGTRAP && w.ptraceEvent(status) === 0);
      }
      assert.throws(() => sys.ptraceGetRegisters(pid, new BigUint64Array(26)), RangeError);
      // exit(5) in place of the breakpoints; from the second page on, nothing is mapped.
      sys.writeMemory(pid, 0x10087n, new Uint8Array([0xbf, 5, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]));
      fails(() => sys.writeMemory(pid, 0x11000n, new Uint8Array(4)), "EFAULT", /^Cannot write 4 bytes at "0x11000" of/);
      fails(() => sys.writeMemory(pid, 0x10100n, new Uint8Array(200_000)), "EFAULT", /Cannot write 200000 bytes/);
      sys.ptraceGetRegisters(pid, registers);
      registers[16] = SPIN;
      sys.ptraceSetRegisters(pid, registers);
      sys.ptraceDetach(pid, 0);
      const end = sys.wait(-1, PATIENCE);
      assert.equal(end?.pid, pid);
      assert(w.exited(end.status) && w.exitCode(end.status) === 5);
      fails(() => sys.ptraceInterrupt(pid), "ESRCH", /Cannot stop task/);
      fails(() => sys.ptraceDetach(pid, 0), "ESRCH", /Cannot let go of task/);
      fails(() => sys.ptraceGetRegisters(pid, registers), "ESRCH", /Cannot read the registers/);
      fails(() => sys.ptraceSetRegisters(pid, registers), "ESRCH", /Cannot set the registers/);
      fails(() => sys.writeMemory(pid, 0n, new Uint8Array(1)), "ESRCH", /Cannot write 1 bytes/);
    });
  });
}

test("ends a task as its tracer", (sys) => {
  withTask(sys, (pid) => {
    fails(() => sys.ptraceKill(pid), "ESRCH", /^Cannot end task \d+: ESRCH/);
    sys.ptraceSeize(pid, 0);
    sys.ptraceInterrupt(pid);
    sys.wait(pid, PATIENCE);
    sys.ptraceKill(pid);
    const end = sys.wait(pid, PATIENCE);
    assert(end !== undefined && w.signaled(end.status) && w.termSignal(end.status) === k.SIGKILL);
    fails(() => sys.ptraceKill(pid), "ESRCH", /^Cannot end task/);
  });
});

test("adopts orphans and names errors", (sys) => {
  sys.setChildSubreaper(true);
  sys.setChildSubreaper(false);
  assert.deepEqual([sys.errnoName(16), sys.errnoName(133), sys.errnoName(41)], ["EBUSY", "EHWPOISON", "errno 41"]);
});

test("sleeps", (sys) => {
  for (const ms of [0, 3, 230]) lasts(ms, () => sys.sleep(ms));
});

test("survives each signal, and remembers the first", async (_, directory) => {
  for (const [name, number] of [["INT", 2], ["TERM", 15], ["HUP", 1]] as const) {
    // Of two signals that come together, the kernel does not tell which was the first.
    const seen = await subject(`
      sys.catchSignals();
      const first = sys.caughtSignal();
      const told = "${directory}/${name}";
      const child = shell("sleep 0.3; kill -${name} $PPID; until [ -e " + told + " ]; do sleep 0.05; done; kill -TERM $PPID");
      const begin = performance.now();
      sys.sleep(${2 * PATIENCE});
      const took = performance.now() - begin;
      sys.caughtSignal();
      Deno.writeTextFileSync(told, "");
      const again = performance.now();
      sys.sleep(200);
      await child.status;
      console.log(first, sys.caughtSignal(), took < ${PATIENCE}, performance.now() - again >= 200);`);
    assert.equal(seen, `0 ${number} true true`);
  }
});

test("ends a wait once for a caught signal", async () => {
  const seen = await subject(`
    sys.catchSignals();
    const child = shell("sleep 0.3; kill -INT $PPID; exec sleep 1000");
    const begin = performance.now();
    const first = attempt(() => sys.wait(child.pid, ${2 * PATIENCE}));
    const took = performance.now() - begin;
    const second = attempt(() => sys.wait(child.pid, 50));
    child.kill("SIGKILL");
    console.log(first, took < ${PATIENCE}, second, sys.caughtSignal());`);
  assert.equal(seen, "EINTR true ETIMEDOUT 2");
});

test("leaves ignored signals ignored", async () => {
  const seen = await subject(
    `
    sys.catchSignals();
    const child = shell("kill -HUP $PPID; sleep 0.1; kill -INT $PPID");
    sys.sleep(${PATIENCE});
    await child.status;
    console.log(sys.caughtSignal());`,
    ["sh", "-c", `trap "" HUP; exec "$0" "$@"`],
  );
  assert.equal(seen, "2");
});

test("notices a signal that another thread handles", async () => {
  const seen = await subject(`
    sys.catchSignals();
    const threads = [...Deno.readDirSync("/proc/self/task")].map((entry) => Number(entry.name));
    const other = threads.find((thread) => thread !== Deno.pid);
    // tgkill(2) by another task: the signal is for that one thread only.
    const script = "const types = { parameters: ['i32', 'i32', 'i32'], result: 'i32' };" +
      "const { symbols } = Deno.dlopen('libc.so.6', { tgkill: types });" +
      "setTimeout(() => symbols.tgkill(" + Deno.pid + ", " + other + ", 15), 300); setTimeout(() => {}, 1000000)";
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", script] }).spawn();
    const begin = performance.now();
    const result = attempt(() => sys.wait(child.pid, ${2 * PATIENCE}));
    const took = performance.now() - begin;
    child.kill("SIGKILL");
    console.log(other !== undefined, result, took < ${PATIENCE}, sys.caughtSignal());`);
  assert.equal(seen, "true EINTR true 15");
});

test("leaves Deno unharmed", async () => {
  const seen = await subject(`
    sys.catchSignals();
    const child = shell("sleep 0.1; kill -INT $PPID; sleep 0.2");
    attempt(() => sys.wait(child.pid, ${PATIENCE}));
    attempt(() => sys.wait(1, 10));
    await child.status;
    const during = (await new Deno.Command("echo", { args: ["works"] }).output()).code;
    await new Promise((resolve) => setTimeout(resolve, 250));
    sys.release();
    sys.release();
    const output = await new Deno.Command("echo", { args: ["works"] }).output();
    await new Promise((resolve) => setTimeout(resolve, 150));
    await Deno.readTextFile("/proc/self/status");
    const listened = new Promise((resolve) => Deno.addSignalListener("SIGINT", () => resolve("heard")));
    shell("kill -INT $PPID");
    console.log(during, new TextDecoder().decode(output.stdout).trim(), await listened);
    Deno.exit(0);`);
  assert.equal(seen, "0 works heard");
});

test("ignores signals beyond the release, when told to", async () => {
  const seen = await subject(`
    sys.catchSignals();
    sys.ignoreSignals();
    sys.release();
    // Without the event loop, from which Deno handles signals itself when it has run for half a second.
    new Deno.Command("sh", { args: ["-c", "kill -INT $PPID; kill -TERM $PPID; kill -HUP $PPID"] }).outputSync();
    console.log("alive");`);
  assert.equal(seen, "alive");
});

test("restores the default action of signals", async () => {
  await assert.rejects(
    subject(`
      sys.catchSignals();
      sys.release();
      shell("kill -TERM $PPID");
      await new Promise((resolve) => setTimeout(resolve, ${PATIENCE}));`),
    /SIGTERM/,
  );
});
