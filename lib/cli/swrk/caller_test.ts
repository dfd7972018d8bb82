import { deepEqual, equal } from "node:assert/strict";
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { criu_reqSchema, criu_respSchema } from "../../../tests/gen/rpc_pb.ts";
import { SysError } from "../../errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { Caller } from "./caller.ts";

/** A caller that answers a stage with these bytes. */
function callerAnswering(answer: Uint8Array | SysError) {
  const sent: unknown[] = [];
  const note = (data: Uint8Array, passed?: number) => {
    sent.push(toJson(criu_respSchema, fromBinary(criu_respSchema, data)));
    if (passed !== undefined) sent.push(passed);
    return data.length;
  };
  const sys = {
    setCloseOnExec: () => {},
    write: (_fd: number, data: Uint8Array) => note(data),
    sendDescriptor: (_fd: number, data: Uint8Array, passed: number) => void note(data, passed),
    read: (_fd: number, buffer: Uint8Array) => {
      if (answer instanceof SysError) throw answer;
      buffer.set(answer);
      return answer.length;
    },
  } as unknown as Sys;
  return { caller: new Caller(sys, 3), sent };
}

function answerOf(type: number, notifySuccess?: boolean): Uint8Array {
  const success = notifySuccess === undefined ? {} : { notifySuccess };
  return toBinary(criu_reqSchema, create(criu_reqSchema, { type, ...success }));
}

Deno.test("Caller.notify() waits for what the caller says", async (t) => {
  const rows: [what: string, answer: Uint8Array | SysError, problem: string | undefined][] = [
    ["done", answerOf(6, true), undefined],
    ["failed", answerOf(6, false), "the caller has failed"],
    ["neither", answerOf(6), "the caller has failed"],
    ["something else", answerOf(2, true), "the caller has failed"],
    ["nothing any more", new Uint8Array(), "the caller has gone"],
    ["what is no answer", Uint8Array.of(0), "Cannot understand the request of the caller: a field has the number 0"],
    ["an error", new SysError("read", "ECONNRESET", "Cannot read 3"), "Cannot read 3: ECONNRESET"],
  ];
  for (const [what, answer, problem] of rows) {
    await t.step(what, () => {
      const { caller, sent } = callerAnswering(answer);
      equal(caller.notify({ action: "post-restore", rootPid: 9 }), problem);
      deepEqual(sent, [{ type: 6, success: true, notify: { script: "post-restore", pid: 9 } }]);
    });
  }
});

Deno.test("Caller.notify() passes the master of a terminal", () => {
  const { caller, sent } = callerAnswering(answerOf(6, true));
  equal(caller.notify({ action: "orphan-pts-master", master: 12 }), undefined);
  deepEqual(sent, [{ type: 6, success: true, notify: { script: "orphan-pts-master" } }, 12]);
});
