import { deepEqual, equal, match, ok } from "node:assert/strict";
import { create, fromBinary, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { criu_reqSchema, criu_respSchema } from "../../../tests/gen/rpc_pb.ts";
import { SysError } from "../../errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { run } from "../run.ts";

type Request = MessageInitShape<typeof criu_reqSchema>;

/** Descriptors of the configuration file, and of what /proc says of the socket. */
const CONFIG = 6;
const FDINFO = 7;

/** Sends requests, and then goes; a read of anything but the socket fails. */
function serve(requests: readonly (Request | Uint8Array)[], { args = "swrk 3", config = "", mode = 0o140777 } = {}) {
  const waiting = requests.map((one) =>
    one instanceof Uint8Array ? one : toBinary(criu_reqSchema, create(criu_reqSchema, one))
  );
  const flags = [...new TextEncoder().encode("flags:\t02\n")];
  const text = [...new TextEncoder().encode(config)];
  const answers: unknown[] = [];
  const calls: string[] = [];
  const texts = { out: "", err: "" };
  const known: Record<string, (...args: never[]) => unknown> = {
    getppid: () => 42,
    fstat: () => ({ mode, size: 0 }),
    readLink: () => "socket:[77]",
    fileSystemType: () => 0,
    read: (fd: number, buffer: Uint8Array) => {
      const next = fd === FDINFO ? flags.splice(0) : fd === CONFIG ? text.splice(0) : waiting.shift() ?? [];
      buffer.set(next);
      return next.length;
    },
    write: (fd: number, data: Uint8Array) => {
      if (fd === 3) answers.push(toJson(criu_respSchema, fromBinary(criu_respSchema, data)));
      return data.length;
    },
    open: (path: string) => {
      if (path.endsWith(".log")) return 5;
      if (path === "/proc/self/fdinfo/3") return FDINFO;
      if (path.endsWith(".conf") && config !== "") return CONFIG;
      throw new SysError("open", "ENOENT", `Cannot open "${path}"`);
    },
  };
  const sys = new Proxy({}, {
    get: (_, name) => (...given: never[]) => {
      calls.push(`${String(name)} ${given.join(" ")}`);
      return known[String(name)]?.(...given);
    },
  }) as Sys & Disposable;
  const output = {
    out: (text: string) => void (texts.out += text),
    err: (text: string) => void (texts.err += text),
    isTerminal: false,
    noColor: true,
  };
  const status = run(args.split(" "), { openSys: () => sys, output, calledAs: () => "criu" });
  return { status, answers, calls, ...texts };
}

Deno.test("swrk tells its version, and what it can, as long as the caller asks", () => {
  const { status, answers, calls } = serve([{ type: 10, keepOpen: true }, { type: 9 }, { type: 10 }]);
  equal(status, 0);
  match(JSON.stringify(answers[0]), /"majorNumber":4,"minorNumber":2,"name":"cgrestore /);
  deepEqual(answers[1], {
    type: 9,
    success: true,
    features: { memTrack: false, lazyPages: false, pidfdStore: false },
  });
  equal(answers.length, 2);
  ok(calls.includes("setCloseOnExec 3 true"));
});

Deno.test("swrk ends with the caller", () => {
  deepEqual(serve([]).answers, []);
  equal(serve([]).status, 0);
});

Deno.test("swrk refuses what is no restore", () => {
  const { status, answers } = serve([{ type: 1 }]);
  equal(status, 1);
  deepEqual(answers, [{
    type: 1,
    success: false,
    crErrmsg: "Cannot meet request 1: cgrestore restores, and does nothing else",
  }]);
});

Deno.test("swrk tells of options that it cannot follow where they are seen", () => {
  const { status, answers, err, out } = serve([{ type: 2, opts: { imagesDirFd: 4, lazyPages: true } }]);
  const message =
    'Error: Cannot do what the caller asks for\n  pages cannot be fetched later (lazy_pages)\nSee "cgrestore help"';
  equal(status, 2);
  deepEqual(answers, [{ type: 2, success: false, crErrmsg: message }]);
  equal(err, `${message}\n`);
  equal(out, "");
});

Deno.test("swrk tells why a restore has failed, and writes nothing to the container's streams", () => {
  const { status, answers, err, out } = serve([{ type: 2, opts: { imagesDirFd: 4, logFile: "restore.log" } }]);
  equal(status, 3);
  const [answer] = answers;
  match(JSON.stringify(answer), /"type":2,"success":false,"crErrmsg":"Error: Cannot read the checkpoint in/);
  equal(err + out, "");
});

Deno.test("swrk refuses a configuration file that is none, and does without one", async (t) => {
  const opts = { imagesDirFd: 4, configFile: "/etc/criu/runc.conf" };
  await t.step("none", () => {
    const { status, err } = serve([{ type: 2, opts }], { config: "log-file a b\n" });
    equal(status, 2);
    match(err, /Cannot understand the configuration file "\/etc\/criu\/runc.conf": "log-file a b" is no option/);
  });
  await t.step("missing", () => equal(serve([{ type: 2, opts }]).status, 3));
});

Deno.test("swrk refuses a restore without options, and what is no request", async (t) => {
  await t.step("without options", () => {
    const { status, answers } = serve([{ type: 2 }]);
    equal(status, 2);
    match(JSON.stringify(answers), /the request has no options/);
  });
  await t.step("no request", () => {
    const { status, answers, err } = serve([Uint8Array.of(0xff, 0xff)]);
    equal(status, 2);
    deepEqual(answers, []);
    match(err, /^Error: Cannot understand the request of the caller: /);
  });
  await t.step("longer than any", () => {
    match(serve([new Uint8Array(1 << 20)]).err, /it has 1048576 bytes or more/);
  });
});

Deno.test("swrk refuses a descriptor that is no socket, or not one that it was started with", () => {
  for (const { status, err, answers } of [serve([{ type: 10 }], { mode: 0o020666 }), serve([], { args: "swrk 4" })]) {
    equal(status, 2);
    match(err, /Cannot serve descriptor \d: cgrestore was not started with a socket there/);
    deepEqual(answers, []);
  }
});

Deno.test("swrk needs the number of a descriptor", async (t) => {
  for (const args of ["swrk", "swrk x", "swrk 3 4", "swrk -1"]) {
    await t.step(args, () => equal(serve([], { args }).status, 2));
  }
});
