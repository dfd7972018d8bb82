import { deepEqual as assertEquals } from "node:assert/strict";
import { readSkOptsEntry } from "../../gen/sockets.ts";
import { MessageReader } from "../../wire/message_reader.ts";
import { NEW_SOCKET_OPTIONS } from "../../../tests/support/unix_sockets.ts";
import { buildSocketOptions } from "./build_socket_options.ts";

/** What every dump has, all zeros. */
const REQUIRED = [0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x28, 0, 0x30, 0];

function build(...bytes: number[]) {
  return buildSocketOptions(readSkOptsEntry(new MessageReader(new Uint8Array([...REQUIRED, ...bytes]))));
}

Deno.test("buildSocketOptions() leaves what the image does not have as in a new socket", () => {
  assertEquals(build(), { ...NEW_SOCKET_OPTIONS, sendBuffer: 0, receiveBuffer: 0 });
});

Deno.test("buildSocketOptions() writes filters as the kernel takes them", () => {
  // Field 16: code 0x0102, jumps 3 and 4, operand 0x05060708.
  const instruction = [0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01];
  const { filter } = build(0x81, 0x01, ...instruction);
  assertEquals(filter.toHex(), "0201030408070605");
});

Deno.test("buildSocketOptions() tells lingering for no time from no lingering", () => {
  assertEquals(build(0xc0, 0x01, 0).linger, 0);
  assertEquals(build().linger, undefined);
});
