import type { NetUnixSocket } from "../../host/parse_net_unix.ts";
import type { ExpectedUnixSocket } from "../../plan/contents/expected_file.ts";

/** How a socket differs, as /proc/PID/net/unix tells it, from what it should be. */
export function compareUnixSocket(expected: ExpectedUnixSocket, found: NetUnixSocket | undefined): string[] {
  if (found === undefined) return ["it is no unix socket"];
  const differences: string[] = [];
  const { type, isListening, isConnected, name = "" } = found;
  if (type !== expected.type) differences.push(`its type is ${type}, and should be ${expected.type}`);
  if (isListening !== expected.isListening) differences.push(isListening ? "it listens" : "it does not listen");
  if (expected.isConnected !== undefined && isConnected !== expected.isConnected) {
    differences.push(isConnected ? "it is connected" : "it is not connected");
  }
  if (name !== expected.name) {
    differences.push(`its name is ${JSON.stringify(name)}, and should be ${JSON.stringify(expected.name)}`);
  }
  return differences;
}
