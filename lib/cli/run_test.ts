import { deepEqual, equal, match, ok } from "node:assert/strict";
import { SysError } from "../errors.ts";
import type { Sys } from "../sys/sys.ts";
import { run } from "./run.ts";

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What a run left behind: status, texts, the calls of the kernel, and the log file. */
function runWithFailingSys(args: string, failingCall = "catchSignals", calledAs = "cgrestore") {
  const texts = { out: "", err: "", file: "" };
  const calls: Call[] = [];
  const answer = (name: string, call: readonly unknown[]): unknown => {
    calls.push({ name, args: call });
    if (name === failingCall) throw new SysError(name, "EPERM", "Cannot do it");
    if (name !== "write") return 5;
    const [, data] = call;
    ok(data instanceof Uint8Array);
    // One byte less than wanted, as the kernel may.
    const taken = Math.max(1, data.length - 1);
    texts.file += new TextDecoder().decode(data.subarray(0, taken));
    return taken;
  };
  const sys = new Proxy({}, {
    get: (_, name) => (...call: unknown[]) => answer(typeof name === "string" ? name : "dispose", call),
  }) as Sys & Disposable;
  const status = run(args.split(" ").filter((arg) => arg !== ""), {
    openSys: () => {
      calls.push({ name: "openSys", args: [] });
      return sys;
    },
    calledAs: () => calledAs,
    output: {
      out: (text) => void (texts.out += text),
      err: (text) => void (texts.err += text),
      isTerminal: false,
      noColor: false,
    },
  });
  return { status, ...texts, calls };
}

Deno.test("run() answers without the kernel", async (t) => {
  const rows: [args: string, status: number, out: RegExp, err: RegExp][] = [
    ["--help", 0, /^Usage: cgrestore \[COMMAND\]/, /^$/],
    ["help show", 0, /^Usage: cgrestore show/, /^$/],
    ["--version", 0, /^cgrestore \d+\.\d+\.\d+\n$/, /^$/],
    ["--bogus", 2, /^$/, /^Error: Cannot use "--bogus": there is no such option\nSee "cgrestore help"\n$/],
  ];
  for (const [args, status, out, err] of rows) {
    await t.step(args, () => {
      const result = runWithFailingSys(args);
      equal(result.status, status);
      match(result.out, out);
      match(result.err, err);
      deepEqual(result.calls, []);
    });
  }
});

Deno.test("run() tells who calls it criu which CRIU it stands for", () => {
  const { status, out, err } = runWithFailingSys("--version", undefined, "criu");
  deepEqual([status, err], [0, ""]);
  match(out, /^Version: 4\.2 \(cgrestore \d+\.\d+\.\d+\)\n$/);
});

Deno.test("run() opens the log before anything else, and tells the failure in it", () => {
  const result = runWithFailingSys("-D img -W work -o restore.log");
  equal(result.status, 5);
  equal(result.err, "Error: Cannot do it: EPERM\n");
  match(result.file, /^\(\d\d\.\d{6}\) Error \(cgrestore\): Cannot do it: EPERM\n$/);
  equal(result.calls[1]?.name, "open");
  equal(result.calls[1]?.args[0], "work/restore.log");
  deepEqual(result.calls.slice(-2).map(({ name }) => name), ["close", "dispose"]);
});

Deno.test("run() tells an error only once when the log goes to standard error", () => {
  equal(runWithFailingSys("-D img").err, "Error: Cannot do it: EPERM\n");
});

Deno.test("run() logs to standard output with -o -", () => {
  const result = runWithFailingSys("-o -");
  match(result.out, /^\(\d\d\.\d{6}\) Error \(cgrestore\): Cannot do it: EPERM\n$/);
});

Deno.test("run() fails when the log cannot be opened", () => {
  const result = runWithFailingSys("-o restore.log", "open");
  equal(result.status, 5);
  deepEqual(result.calls.map(({ name }) => name), ["openSys", "open", "dispose"]);
});

Deno.test("run() tells an error as JSON on standard output too", () => {
  const result = runWithFailingSys("--json");
  equal(JSON.parse(result.out).error.code, "EPERM");
  equal(result.err, "Error: Cannot do it: EPERM\n");
});
