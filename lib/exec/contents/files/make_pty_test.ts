import assert from "node:assert/strict";
import { filesContext } from "../../../../tests/support/compiled_calls.ts";
import type { PtyStep } from "../../../plan/contents/files/plan_pty.ts";
import { TIOCSLCKTRMIOS, TIOCSTI } from "../../../sys/constants.ts";
import { makePty } from "./make_pty.ts";

const MODE = { input: 0, output: 0, control: 0, local: 0, discipline: 0, characters: new Uint8Array(19) };
const STEP: PtyStep = {
  ...{ kind: "make-pty", what: "/dev/pts/0", master: 0, masterFlags: 2, slaves: [{ handle: 1, flags: 2 }] },
  settings: { mode: MODE, locked: { ...MODE, local: 8 }, size: { rows: 0, columns: 0, width: 0, height: 0 } },
  ...{ masterQueue: Uint8Array.of(1), slaveQueue: Uint8Array.of(2, 3) },
  ...{ isMasterExclusive: true, isSlaveExclusive: true, isPacket: true, isLocked: true },
};

Deno.test("makePty() has cgrestore itself make what takes capabilities in the first user namespace", () => {
  const calls = makePty(filesContext(), STEP);
  const ours = calls.filter(({ isOurs }) => isOurs === true).map(({ arguments: [, request] }) => request);
  assert.deepEqual(ours, [TIOCSTI, TIOCSTI, TIOCSTI, TIOCSLCKTRMIOS]);
  assert.ok(calls.length > 2 * ours.length);
});
