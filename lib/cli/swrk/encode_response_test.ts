import { deepEqual } from "node:assert/strict";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { criu_respSchema } from "../../../tests/gen/rpc_pb.ts";
import { encodeResponse, REQUEST, type Response } from "./encode_response.ts";

Deno.test("encodeResponse() writes what protobuf reads", async (t) => {
  const rows: [what: string, response: Response, json: unknown][] = [
    ["a restore", { type: REQUEST.restore, success: true, rootPid: 77 }, {
      type: 2,
      success: true,
      restore: { pid: 77 },
    }],
    ["a failure", { type: REQUEST.restore, success: false, message: "Cannot – at all" }, {
      type: 2,
      success: false,
      crErrmsg: "Cannot – at all",
    }],
    ["a stage", { type: REQUEST.notify, success: true, notify: { script: "pre-restore" } }, {
      type: 6,
      success: true,
      notify: { script: "pre-restore" },
    }],
    ["a stage with the root", { type: REQUEST.notify, success: true, notify: { script: "post-restore", rootPid: 9 } }, {
      type: 6,
      success: true,
      notify: { script: "post-restore", pid: 9 },
    }],
    ["features", { type: REQUEST.featureCheck, success: true, hasNoFeatures: true }, {
      type: 9,
      success: true,
      features: { memTrack: false, lazyPages: false, pidfdStore: false },
    }],
    ["a version", { type: REQUEST.version, success: true, version: { major: 4, minor: 2, name: "x" } }, {
      type: 10,
      success: true,
      version: { majorNumber: 4, minorNumber: 2, name: "x" },
    }],
  ];
  for (const [what, response, json] of rows) {
    await t.step(
      what,
      () => deepEqual(toJson(criu_respSchema, fromBinary(criu_respSchema, encodeResponse(response))), json),
    );
  }
});
