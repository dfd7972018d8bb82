import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { TcpState } from "../../../model/files/inet_socket.ts";
import type { TcpConnection } from "../../../model/files/tcp_connection.ts";
import { aFilePlanner, anInetSocket, LOOPBACK } from "../../../../tests/support/sockets.ts";
import { type ClosingAct, type ConnectionStep, planConnection, type ResumeConnectionStep } from "./plan_connection.ts";

/** 10 bytes have been received and end at 1000; of 7 that end at 2000, the last two have not been sent. */
const CONNECTION: TcpConnection = {
  received: new Uint8Array(10),
  receiveSequence: 1000,
  written: new Uint8Array([1, 2, 3, 4, 5, 6, 7]),
  unsent: 2,
  writeSequence: 2000,
  maximumSegment: 1460,
  selectiveAcknowledgements: true,
  windowScales: { send: 7, receive: 7 },
  timestamp: 1,
  window: { lastUpdate: 990, send: 1280, largest: 2560, receive: 640, receivedAtUpdate: 1000 },
};

interface Planned {
  readonly made: ConnectionStep | undefined;
  readonly resumed: ResumeConnectionStep | undefined;
  /** What is done before it is resumed. */
  readonly acts: readonly ClosingAct[];
  /** Whether it has to be heard again before that. */
  readonly heard: boolean;
}

function plan(state: TcpState, changes: Partial<TcpConnection> = {}): Planned {
  const planner = aFilePlanner([], { connections: "restore" });
  const [local, remote] = [{ address: LOOPBACK, port: 80 }, { address: LOOPBACK, port: 9 }];
  const connection = { ...CONNECTION, ...changes };
  planConnection(planner, { ...anInetSocket({ id: 1 }), state, local, remote, connection });
  const [made, resumed, closed] = [planner.late[0], planner.final.at(-1), planner.last[0]];
  return {
    made: made?.kind === "make-connection" ? made : undefined,
    resumed: resumed?.kind === "resume-connection" ? resumed : undefined,
    acts: closed?.kind === "close-connection" ? closed.acts : [],
    heard: planner.final[0]?.kind === "hear-connection",
  };
}

Deno.test("planConnection() keeps what has not been sent until the connection is resumed", () => {
  const { made, resumed, acts } = plan("established");
  assertEquals([made?.firstReceived, made?.firstWritten], [990, 1993]);
  assertEquals(made?.queues?.sent, new Uint8Array([1, 2, 3, 4, 5]));
  assertEquals(resumed?.unsent, new Uint8Array([6, 7]));
  assertEquals([acts, resumed?.acts, resumed?.connects], [[], [], false]);
});

Deno.test("planConnection() counts modulo 2³²", () => {
  const { made } = plan("established", { receiveSequence: 3, writeSequence: 0 });
  assertEquals([made?.firstReceived, made?.firstWritten], [2 ** 32 - 7, 2 ** 32 - 7]);
});

const NOTHING_UNSENT = { written: new Uint8Array(), unsent: 0 };

/** `end 999 1999` is a segment with these numbers that ends the stream. */
function render(act: ClosingAct): string {
  if (act.kind !== "receive") return act.kind;
  const { sequence, acknowledgement, isLast, window } = act.segment;
  assertEqual(window, 1280 / 2 ** 7);
  return `${isLast ? "end" : "acknowledgement"} ${sequence} ${acknowledgement}`;
}

const CLOSINGS: readonly (readonly [TcpState, readonly string[]])[] = [
  ["fin-wait-1", ["shut-down", "deafen"]],
  ["fin-wait-2", ["shut-down", "acknowledgement 1000 2000"]],
  ["closing", ["shut-down", "end 999 1999", "deafen"]],
  ["close-wait", ["end 999 2000"]],
  ["last-ack", ["end 999 1999", "shut-down", "deafen"]],
  ["closed", ["end 999 1999", "shut-down", "acknowledgement 1000 2000"]],
];

Deno.test("planConnection() goes through the states of a connection that ends", async (t) => {
  for (const [state, expected] of CLOSINGS) {
    await t.step(state, () => {
      const { acts, heard, resumed } = plan(state, NOTHING_UNSENT);
      assertEquals(acts.map(render), expected);
      assertEqual(heard, expected.includes("deafen"));
      assertEquals(resumed?.acts, []);
    });
  }
});

Deno.test("planConnection() counts an end like a byte, in numbers and in the window", () => {
  const { made } = plan("last-ack", NOTHING_UNSENT);
  assertEquals([made?.firstReceived, made?.firstWritten], [989, 1999]);
  assertEquals(made?.queues?.window, { ...CONNECTION.window, receive: 641, receivedAtUpdate: 999 });
});

Deno.test("planConnection() puts an end behind what has not been sent", () => {
  const { acts, heard, resumed } = plan("fin-wait-1");
  assertEquals([acts, heard, resumed?.acts.map(render)], [[], false, ["shut-down"]]);
});

Deno.test("planConnection() asks once more for a connection that was not answered", () => {
  const { made, resumed } = plan("syn-sent", { ...NOTHING_UNSENT, received: new Uint8Array() });
  assertEquals([made?.queues, made?.firstWritten, resumed?.connects], [undefined, 1999, true]);
});
