import assert from "node:assert/strict";
import { SysError } from "../../errors.ts";
import type { Sys } from "../../sys/sys.ts";
import { SYSCALLS_X86_64 } from "../../tracee/syscalls_x86_64.ts";
import { remoteCall } from "./remote.ts";
import { requestOurselves } from "./request_ourselves.ts";

const REQUEST = 0x5412;

function aRequest(fd: number, byte: number) {
  const purpose = { attempt: "Cannot type", hints: { EIO: "ask root" } };
  return remoteCall({ numbers: SYSCALLS_X86_64 }, "ioctl", [fd, REQUEST, Uint8Array.of(byte)], purpose);
}

/** A kernel that notes what it is asked for; `fails` is the errno of a request with the byte 2. */
function aSys(fails?: string): { readonly sys: Sys; readonly log: string[] } {
  const log: string[] = [];
  const sys: Partial<Sys> = {
    pidfdOpen: (pid) => log.push(`open ${pid}`) && 50,
    pidfdGetfd: (pidfd, fd) => log.push(`take ${pidfd} ${fd}`) && fd + 100,
    ioctl: (fd, request, data) => {
      if (fails !== undefined && data[0] === 2) throw new SysError("ioctl", fails, "Cannot make a request");
      log.push(`ioctl ${fd} ${request} ${data.toHex()}`);
      return 0;
    },
    close: (fd) => void log.push(`close ${fd}`),
  };
  return { sys: sys as Sys, log };
}

const CALLS = [aRequest(7, 1), aRequest(7, 2), aRequest(8, 3)];

Deno.test("requestOurselves() makes requests on copies of descriptors, in order", () => {
  const { sys, log } = aSys();
  requestOurselves(sys, 77, CALLS);
  const taking = ["open 77", "take 50 7", `ioctl 107 ${REQUEST} 01`, `ioctl 107 ${REQUEST} 02`, "take 50 8"];
  assert.deepEqual(log, [...taking, `ioctl 108 ${REQUEST} 03`, "close 108", "close 107", "close 50"]);
});

Deno.test("requestOurselves() tells what failed as its purpose, and keeps nothing open", () => {
  const { sys, log } = aSys("EIO");
  const failed = { name: "SysError", call: "ioctl", code: "EIO", message: "Cannot type: EIO (ask root)" };
  assert.throws(() => requestOurselves(sys, 77, CALLS), failed);
  assert.deepEqual(log.slice(-2), ["close 107", "close 50"]);
});

Deno.test("requestOurselves() makes nothing but requests with bytes", () => {
  const call = remoteCall({ numbers: SYSCALLS_X86_64 }, "ioctl", [7, REQUEST, 0], { attempt: "Cannot do it" });
  assert.throws(() => requestOurselves(aSys().sys, 77, [call]), TypeError);
});
