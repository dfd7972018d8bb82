import assert from "node:assert/strict";
import {
  anAddress,
  aNet,
  LOCAL_ADDRESS_6,
  LOOPBACK_DEVICE,
  VETH_DEVICE,
} from "../../../../tests/support/net_contents.ts";
import { buildHost } from "../../../../tests/support/plan_inputs.ts";
import { IDLE_NETWORK } from "../../../../tests/support/sockets.ts";
import { withOwnNetwork } from "./own_network.ts";

const UNIX = { abstractNames: new Set(["1 @taken"]), longestQueue: 500 };

Deno.test("withOwnNetwork() has nothing taken, and what the namespace has", () => {
  const sysctls = new Map([["net/unix/max_dgram_qlen", "20"], ["net/ipv4/ping_group_range", "0 5"]]);
  const net = aNet({
    sysctls,
    addresses: [anAddress([10, 0, 0, 1], 24), anAddress([10, 0, 1, 1], 24, 2), LOCAL_ADDRESS_6],
    devices: [LOOPBACK_DEVICE, VETH_DEVICE],
  });
  const { network, unix } = withOwnNetwork(
    buildHost({ unix: UNIX, network: { ...IDLE_NETWORK, lacks: new Set(["UDP-Lite"]) }, kernel: [5, 4] }),
    net,
  );
  assert.deepEqual(unix, { abstractNames: new Set(), longestQueue: 21 });
  assert.deepEqual(network, {
    sockets: [],
    netlinkPorts: [],
    ownNetworks: [
      { address: Uint8Array.of(10, 0, 0, 1), prefix: 24 },
      { address: Uint8Array.of(10, 0, 1, 1), prefix: 32 },
      { address: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), prefix: 128 },
    ],
    devices: new Map([[1, "lo"], [2, "eth0"]]),
    bridges: new Set(),
    bindsFreely: { ipv4: false, ipv6: false },
    largestBacklog: 4096,
    pingGroups: [0, 5],
    lacks: new Set(["UDP-Lite"]),
  });
});

Deno.test("withOwnNetwork() has what a new namespace has where images tell nothing", () => {
  const { network, unix } = withOwnNetwork(buildHost({ kernel: [5, 3] }), aNet());
  assert.equal(unix, undefined);
  assert.equal(network?.largestBacklog, 128);
  assert.deepEqual(network?.pingGroups, [1, 0]);
});

Deno.test("withOwnNetwork() knows nothing of what others set up", () => {
  const { network, unix } = withOwnNetwork(buildHost({ unix: UNIX }), { kind: "external", key: "a" });
  assert.equal(network, undefined);
  assert.deepEqual(unix, { abstractNames: new Set(), longestQueue: 500 });
});
