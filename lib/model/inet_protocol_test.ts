import { equal as assertEqual } from "node:assert/strict";
import { nameInetSocket } from "./inet_protocol.ts";

const local = { address: new Uint8Array([127, 0, 0, 1]), port: 80 };
const remote = { address: new Uint8Array([127, 0, 0, 2]), port: 9 };

Deno.test("nameInetSocket() tells protocol and addresses", () => {
  assertEqual(nameInetSocket({ type: "stream", protocol: 6, local, remote: undefined }), "TCP socket 127.0.0.1:80");
  assertEqual(
    nameInetSocket({ type: "datagram", protocol: 17, local, remote }),
    "UDP socket 127.0.0.1:80 to 127.0.0.2:9",
  );
  assertEqual(nameInetSocket({ type: "raw", protocol: 6, local, remote }), "raw socket of protocol 6");
  assertEqual(
    nameInetSocket({ type: "stream", protocol: 262, local, remote: undefined }),
    "internet socket 127.0.0.1:80",
  );
});
