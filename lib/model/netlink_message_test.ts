import { equal as assertEqual, throws as assertThrows } from "node:assert/strict";
import { errorOf } from "./netlink_message.ts";

Deno.test("errorOf() tells the errno of an answer", () => {
  const answer = new Uint8Array(36);
  answer[4] = 2;
  assertEqual(errorOf(answer), 0);
  answer.set([0xfe, 0xff, 0xff, 0xff], 16);
  assertEqual(errorOf(answer), 2);
  assertThrows(() => errorOf(new Uint8Array(36)), /it is none/);
});
