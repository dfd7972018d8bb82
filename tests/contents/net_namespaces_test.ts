/** Net namespaces of the tasks' own, and those that others set up. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import type { Run } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { ExternalNetwork, networkOf, providing } from "./support/external_network.ts";
import { LiveTree } from "./support/live_tree.ts";
import { OwnNetwork } from "./support/own_network.ts";
import { testEdited } from "./support/test_edited.ts";
import { type ProgramTest, testProgram } from "./support/test_program.ts";
import { tryCriu } from "./support/try_criu.ts";

/** The lock that CRIU sets up otherwise needs iptables. */
const UNLOCKED = ["--network-lock", "skip"];
const NFTABLES = ["--network-lock", "nftables"];

/** The programs, and CRIU, set up their networks with it. */
const NEEDS = ["root", "cc", "criu", "iproute2"] as const;

testNet({ program: "net_down", what: "a loopback device that is down" });
testNet({ program: "net_sockets", what: "sockets of all kinds in a net namespace" });
testNet({
  program: "net_connection",
  what: "a connection within a net namespace",
  dump: [...UNLOCKED, "--tcp-established"],
  restore: ["--tcp-established"],
});
/** The lock of the dump is among the rules then. */
for (const [what, lock] of [["", UNLOCKED], [", and the lock of the dump", NFTABLES]] as const) {
  testNet({
    program: "net_filters",
    what: `rules for packets, and a connection that they let through${what}`,
    dump: [...lock, "--tcp-established"],
    restore: ["--tcp-established"],
    needs: [...NEEDS, "nftables"],
    criuLoses: "it loads no rules of nftables",
  });
}
for (
  const [program, what] of [
    ["net_filtered_end", "a connection that has ended, and rules that let nothing through"],
    ["net_unanswered_end", "the same, and nobody has answered"],
  ] as const
) {
  testNet({
    program,
    what,
    dump: [...UNLOCKED, "--tcp-established"],
    restore: ["--tcp-established"],
    needs: [...NEEDS, "nftables"],
    criuLoses: "it loads no rules of nftables",
  });
}
testNet({
  program: "net_addresses",
  what: "addresses and routes of both families",
  criuLoses: "it adds addresses of IPv6 the other way round",
});
testNet({
  program: "net_temporary",
  what: "an address for a while",
  // The kernel makes another one.
  mayDifferInImages: /^net$/,
});
testNet({
  program: "net_routes",
  what: "routes with several ways, of kinds of their own, and to the same network",
  criuLoses: "it has those to the same network in another order",
});
testNet({
  program: "net_rules",
  what: "rules for routes",
  criuFails: "it connects sockets when the rules are there",
});
testNet({ program: "net_without_rules", what: "no rules for routes" });
testNet({
  program: "net_tun",
  what: "devices whose packets go to programs",
  needs: [...NEEDS, "tun"],
  criuLoses: "buffers get another size, and devices further addresses of IPv6",
});
testNet({
  program: "net_bare",
  what: "a loopback device without its own addresses, and one without a route",
  criuLoses: "it leaves the addresses and the route that the kernel makes",
});
testNet({
  program: "net_nested",
  what: "tasks in several net namespaces",
  criuLoses: "a setting that is open is one of the root task's net namespace",
});
testNet({
  program: "net_two",
  what: "a child in another one than the root, which joins",
  cgrestore: ["--restore-sibling"],
});
testNet({
  program: "net_connected",
  what: "devices that connect tasks in several net namespaces, and connections over these",
  dump: [...UNLOCKED, "--tcp-established"],
  restore: ["--tcp-established"],
});
testNet({
  program: "net_connected_macvlan",
  what: "a device of a child that uses one of the root task's",
  criuFails: "it wants all parents to be outside",
});
testNet({ program: "connected_nets", what: "a pair of devices between a child and the root task" });
testNet({
  program: "connected_nets",
  what: "the same where the root joins",
  cgrestore: ["--restore-sibling"],
});
testNet({
  program: "net_nested_tun",
  what: "a device of a child, whose packets go to it",
  needs: [...NEEDS, "tun"],
  criuLoses: "buffers get another size, and devices further addresses of IPv6",
});
testNet({
  program: "net_nested_filters",
  what: "rules for packets of a child, and a connection that they let through",
  dump: [...UNLOCKED, "--tcp-established"],
  restore: ["--tcp-established"],
  needs: [...NEEDS, "nftables"],
  criuLoses: "it loads no rules of nftables",
});
testNet({ program: "net_settings", what: "settings of a net namespace" });
testNet({ program: "net_without_ipv6", what: "a net namespace without IPv6" });
testNet({
  program: "net_sockets",
  what: "a net namespace that the root joins",
  cgrestore: ["--restore-sibling"],
});

/** A bridge that devices of the tasks are connected to, and what is made for the program and for those restored. */
const BRIDGED = {
  network: {},
  networkSetup: "ip link add cgrvbr type bridge && ip link set cgrvbr up && ip addr add 10.4.0.1/24 dev cgrvbr",
  outerDevices: ["cgrv0", "cgrvout"],
  restore: ["--external", "veth[eth0]:cgrvout@cgrvbr"],
} as const;

testNet({
  program: "net_veth",
  what: "a device with its other end outside",
  ...BRIDGED,
  criuLoses: "it leaves the route that the kernel makes",
});
testNet({
  program: "net_veth",
  what: "a device of which the root joins the namespace, in the older form",
  ...BRIDGED,
  restore: ["--veth-pair", "eth0=cgrvout@cgrvbr"],
  cgrestore: ["--restore-sibling"],
  criuLoses: "it leaves the route that the kernel makes",
});
testNet({
  program: "net_veth_down",
  what: "devices that are down, and without an address that the kernel makes",
  ...BRIDGED,
  criuLoses: "the kernel makes that address",
});
testNet({
  program: "net_connected_outside",
  what: "a child behind a device with its other end outside",
  ...BRIDGED,
  criuFails: "it takes an option for all devices of a name, in whatever namespace",
});
testNet({ program: "net_bridge", what: "bridges, and a pair of devices within", ...BRIDGED });

testNet({
  program: "net_macvlan",
  what: "a device that uses another one outside",
  bridge: "cgrvpar",
  restore: ["--external", "macvlan[mv0]:cgrvpar"],
});
testNet({
  program: "net_macvlan",
  what: "a device that uses one outside, which sysfs does not show",
  network: {},
  networkSetup: "ip link add cgrvpar type bridge",
  restore: ["--external", "macvlan[mv0]:cgrvpar"],
});
testNet({
  program: "net_macvlan_within",
  what: "a device that uses another one of the namespace",
  criuFails: "it wants all parents to be outside",
});

const CONNECTED = "net_veth_connection: a connection to who is outside goes on";

Deno.test({
  name: CONNECTED,
  ...requires(CONNECTED, ...NEEDS),
  async fn() {
    const { outerDevices, restore } = BRIDGED;
    await using network = await OwnNetwork.create();
    await network.setUp(BRIDGED.networkSetup);
    await using server = await LiveTree.create({ home: network });
    await server.startProgram("net_veth_server");
    await using tree = await LiveTree.create({ home: network });
    await tree.startProgram("net_veth_connection");
    const images = await tree.dump([...UNLOCKED, "--tcp-established"]);
    await network.awaitGone(outerDevices);
    await server.letGo();
    const rehearsed = await tree.restore(images, [...restore, "--tcp-established", "--rehearse"]);
    assertEqual(rehearsed.err, "");
    assertEqual(network.devices().has("cgrvout"), false);
    const { code, err } = await tree.restore(images, [...restore, "--tcp-established"]);
    assertEqual(err, "");
    assertEqual(code, 0);
    assertEqual(await tree.finish(), "ok");
    assertEqual(await server.result(), "ok");
  },
});

const REFUSED = "net_veth: what is needed of the host is told while planning";

Deno.test({
  name: REFUSED,
  ...requires(REFUSED, ...NEEDS),
  async fn(t) {
    await using network = await OwnNetwork.create();
    await using tree = await LiveTree.create({ home: network });
    await tree.startProgram("net_veth");
    const images = await tree.dump(UNLOCKED);
    await network.awaitGone(BRIDGED.outerDevices);
    const rows: readonly (readonly [options: readonly string[], want: RegExp])[] = [
      [[], /"eth0" has its other end outside, which needs a name: --external "veth\[eth0\]:NAME"/],
      [["--external", "veth[eth0]:lo"], /the veth device "eth0" cannot be "lo": this host has such a device/],
      [["--external", "veth[eth0]:cgrvout@cgrvbr"], /the bridge "cgrvbr", .* is not there/],
      [["--external", "veth[eth0]:cgrvout@lo"], /"lo", which a veth device is to be connected to, is no bridge/],
    ];
    for (const [options, want] of rows) {
      await t.step(options.join(" "), async () => {
        const { code, err } = await tree.restore(images, options);
        assertMatch(err, want);
        assertEqual(code, 4);
        assertEqual(network.devices().has("cgrvout"), false);
      });
    }
    await t.step("an end that is left to others", async () => {
      const { code, err } = await tree.restore(images, ["--external", "veth[eth0]:cgrvout"]);
      assertEqual(err, "");
      assertEqual(code, 0);
      await network.setUp("ip link set cgrvout up");
      assertEqual(await tree.finish(), "ok");
    });
  },
});

const TAKEN = "net_sockets: a port that is taken on the host";

Deno.test({
  name: TAKEN,
  ...requires(TAKEN, ...NEEDS),
  async fn() {
    await using tree = await LiveTree.ofProgram("net_sockets");
    const images = await tree.dump(UNLOCKED);
    using _ = takePort(22);
    const { code, err } = await tree.restore(images);
    assertEqual(err, "");
    assertEqual(code, 0);
    assertEqual(await tree.finish(), "ok");
  },
});

/** Has a port, unless somebody else has it. */
function takePort(port: number): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return new DisposableStack();
  }
}

testNet({
  program: "net_of_others",
  what: "a net namespace that is left to others",
  dump: [...UNLOCKED, "--empty-ns", "net"],
  restore: ["--empty-ns", "net"],
});
testNet({
  program: "net_of_others",
  what: "a net namespace of which the dump tells nothing",
  dump: [...UNLOCKED, "--empty-ns", "net"],
});
testNet({
  program: "net_of_others",
  what: "a net namespace that is left to others although the dump has it",
  restore: ["--empty-ns", "net"],
  mayDifferInImages: /^net$/,
});

externalTest("a net namespace that the user provides", { dump: UNLOCKED }, async (external) => {
  const { tree, images, provide } = external;
  const expectFrom = async (name: string, run: () => Promise<Run>) => {
    const { code, err } = await run();
    assertEqual(code, 0, `${name}: ${err}`);
    assertEqual(networkOf(tree.root), external.link, name);
    assertEqual(await tree.finish(), "ok", name);
    await tree.kill();
  };
  for (const options of [external.options, [...external.options, "--restore-sibling"]]) {
    await expectFrom(options.join(" "), () => tree.restoreThrough(provide, images, options));
  }
  const restore = () => tree.restoreWithCriuThrough(provide, images, external.options);
  await tryCriu(() => expectFrom("CRIU", restore), () => tree.kill());
});

externalTest(
  "a net namespace that the dump has locked is opened",
  { dump: NFTABLES },
  async ({ tree, images, provide, options }) => {
    const { code, err } = await tree.restoreThrough(provide, images, options);
    assertEqual(err, "");
    assertEqual(code, 0);
    assertEqual(await tree.finish(), "ok");
  },
);

const BY_NAME = "a net namespace that is provided by a name, as ip-netns(8) gives it one";
externalTest(BY_NAME, { dump: UNLOCKED }, async (external) => {
  const { tree, images, options } = external;
  const { code, err } = await tree.restoreThrough(external.provideByName(), images, options);
  assertEqual(err, "");
  assertEqual(code, 0);
  assertEqual(networkOf(tree.root), external.link);
  assertEqual(await tree.finish(), "ok");
});

const OF_CHILD = "a net namespace of a child, where the user provides that of the root";
externalTest(OF_CHILD, { program: "net_two", dump: UNLOCKED }, async (external) => {
  const { tree, images, options, provide } = external;
  const { code, err } = await tree.restoreThrough(provide, images, options);
  assertEqual(err, "");
  assertEqual(code, 0);
  assertEqual(networkOf(tree.root), external.link);
  assertEqual(await tree.finish(), "ok");
});

const CONNECTED_CHILD = "a net namespace of a child that is connected to that of the root, which the user provides";
externalTest(
  CONNECTED_CHILD,
  { program: "connected_nets", dump: UNLOCKED },
  async ({ tree, images, options, provide }) => {
    const { code, err } = await tree.restoreThrough(provide, images, options);
    assertMatch(
      err,
      /net namespace 2: the veth device "in0" cannot be restored: it is connected to device 8 of net namespace 1, which others/,
    );
    assertEqual(code, 4);
  },
);

externalTest(
  "a net namespace has to be provided, and be one",
  { dump: UNLOCKED },
  async ({ tree, images, options }) => {
    const missing = await tree.restore(images);
    assertMatch(missing.err, /net namespace: the external namespace "outer" is needed: --inherit-fd "fd\[N\]:outer"/);
    assertEqual(missing.code, 4);
    const other = await tree.restoreThrough(providing("/"), images, options);
    assertMatch(other.err, /net namespace: descriptor 30 for "outer" is "\/", and no net namespace/);
    assertEqual(other.code, 4);
  },
);

testEdited({
  program: "net_foreign",
  what: "what cannot be made again is refused",
  dump: UNLOCKED,
  needs: NEEDS,
  edit: (images) => writeRules(images, 'table ip cgr {\n\tchain a {\n\t\txt match "comment" drop\n\t}\n}\n'),
  refused: new RegExp(
    [
      'net namespace: the macvlan device "mac7" cannot be restored: its mode is 8',
      "net namespace: the route 10.5.0.0/16 cannot be restored: it has attributes 30",
      'net namespace: the rule "xt match \\\\"comment\\\\" drop" is one of iptables, which nft cannot load',
    ].join("[^]*"),
  ),
});

testEdited({
  program: "net_down",
  what: "rules that cannot be loaded leave nothing behind",
  dump: UNLOCKED,
  needs: [...NEEDS, "nftables"],
  edit: (images) => writeRules(images, "table ip cgr {\n\tchain a {\n\t\tunheard of\n\t}\n}\n"),
  status: 5,
  refused: /Cannot load the rules for packets by ".*nft -f -": status 1 \(.*3:.*Error: /,
});

/** As if the net namespace had had rules of nftables. */
function writeRules(images: string, rules: string): void {
  const name = [...Deno.readDirSync(images)].map((entry) => entry.name).find((name) => name.startsWith("netns-"));
  Deno.writeTextFileSync(`${images}/nftables-${/\d+/.exec(name ?? "")?.[0]}.img`, rules);
}

function testNet(test: ProgramTest): void {
  testProgram({ dump: UNLOCKED, needs: NEEDS, ...test });
}

function externalTest(
  what: string,
  { program = "net_of_others", dump }: { readonly program?: string; readonly dump: readonly string[] },
  check: (external: ExternalNetwork) => Promise<void>,
): void {
  const name = `${program}: ${what}`;
  Deno.test({
    name,
    ...requires(name, ...NEEDS),
    async fn() {
      await using external = await ExternalNetwork.dump(program, dump);
      await check(external);
    },
  });
}
