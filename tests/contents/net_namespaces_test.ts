/** Net namespaces of the tasks' own, and those that others set up. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

/** The lock that CRIU sets up otherwise needs iptables. */
const UNLOCKED = ["--network-lock", "skip"];

testProgram({ program: "net_down", what: "a loopback device that is down", dump: UNLOCKED });
testProgram({ program: "net_sockets", what: "sockets of all kinds in a net namespace", dump: UNLOCKED });
testProgram({
  program: "net_connection",
  what: "a connection within a net namespace",
  dump: [...UNLOCKED, "--tcp-established"],
  restore: ["--tcp-established"],
});
testProgram({ program: "net_addresses", what: "addresses and routes of both families", dump: UNLOCKED });
testProgram({
  program: "net_bare",
  what: "a loopback device without its own addresses",
  dump: UNLOCKED,
  criuLoses: "it leaves the addresses that the kernel makes",
});
testProgram({ program: "net_settings", what: "settings of a net namespace", dump: UNLOCKED });
testProgram({ program: "net_without_ipv6", what: "a net namespace without IPv6", dump: UNLOCKED });
testProgram({
  program: "net_sockets",
  what: "a net namespace that the root joins",
  dump: UNLOCKED,
  cgrestore: ["--restore-sibling"],
});

testProgram({
  program: "net_of_others",
  what: "a net namespace that is left to others",
  dump: [...UNLOCKED, "--empty-ns", "net"],
  restore: ["--empty-ns", "net"],
});
testProgram({
  program: "net_of_others",
  what: "a net namespace of which the dump tells nothing",
  dump: [...UNLOCKED, "--empty-ns", "net"],
});
testProgram({
  program: "net_of_others",
  what: "a net namespace that is left to others although the dump has it",
  dump: UNLOCKED,
  restore: ["--empty-ns", "net"],
  mayDifferInImages: /^net$/,
});

externalTest("net_of_others", "a net namespace that the user provides", UNLOCKED, async (external) => {
  const { tree, keeper } = external;
  const runs = {
    cgrestore: () => restore(external, []),
    "cgrestore, and the root joins": () => restore(external, ["--restore-sibling"]),
    criu: () => tree.restoreWithCriuThrough(withNetwork(keeper), external.images, PROVIDED),
  };
  for (const [name, run] of Object.entries(runs)) {
    const { code, err } = await run();
    assertEqual(code, 0, `${name}: ${err}`);
    assertEqual(networkOf(tree.root), networkOf(keeper), name);
    assertEqual(await tree.finish(), "ok", name);
    await tree.kill();
  }
});

const NFTABLES = ["--network-lock", "nftables"];

externalTest("net_of_others", "a net namespace that the dump has locked is opened", NFTABLES, async (external) => {
  const { code, err } = await restore(external, []);
  assertEqual(err, "");
  assertEqual(code, 0);
  assertEqual(await external.tree.finish(), "ok");
});

externalTest("net_of_others", "a net namespace has to be provided, and be one", UNLOCKED, async ({ tree, images }) => {
  const missing = await tree.restore(images);
  assertMatch(missing.err, /net namespace: the external namespace "outer" is needed: --inherit-fd "fd\[N\]:outer"/);
  assertEqual(missing.code, 4);
  const other = await tree.restoreThrough(["bash", "-c", 'exec 30</; exec "$@"', "bash"], images, PROVIDED);
  assertMatch(other.err, /net namespace: descriptor 30 for "outer" is "\/", and no net namespace/);
  assertEqual(other.code, 4);
});

testEdited({
  program: "net_foreign",
  what: "what a net namespace has besides the loopback device is refused",
  dump: UNLOCKED,
  edit: (images) => {
    const name = [...Deno.readDirSync(images)].map((entry) => entry.name).find((name) => name.startsWith("netns-"));
    const number = /\d+/.exec(name ?? "")?.[0];
    Deno.writeTextFileSync(
      `${images}/iptables-${number}.img`,
      "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n",
    );
  },
  refused: new RegExp(
    [
      'net namespace: the bridge device "bridge0" cannot be restored',
      "net namespace: the route 10.5.0.0/16 cannot be restored: it goes through device 2",
      "net namespace: the rule for routes 32765 with conditions cannot be restored",
      'net namespace: the rule of iptables ":INPUT DROP \\[0:0\\]" cannot be restored',
      'net namespace: the rule of iptables "-A INPUT -j ACCEPT" cannot be restored',
    ].join("[^]*"),
  ),
});

/** A tree whose net namespace stays when it has been dumped as an external one. */
interface External {
  readonly tree: LiveTree;
  readonly images: string;
  /** Pid of a process that is in the namespace. */
  readonly keeper: number;
}

/** Descriptor 30 is for what the dump calls `outer`. */
const PROVIDED = ["--inherit-fd", "fd[30]:outer"];

function externalTest(
  program: string,
  what: string,
  dump: readonly string[],
  check: (external: External) => Promise<void>,
): void {
  const name = `${program}: ${what}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.ofProgram(program);
      const args = [`--net=/proc/${tree.root}/ns/net`, "cat"];
      const keeper = new Deno.Command("nsenter", { args, stdin: "piped", stdout: "null" }).spawn();
      try {
        const link = networkOf(tree.root);
        await waitUntil(() => networkOf(keeper.pid) === link, "the namespace is not kept");
        const images = await tree.dump([...dump, "--external", `${link}:outer`]);
        await check({ tree, images, keeper: keeper.pid });
      } finally {
        await keeper.stdin.close();
        await keeper.status;
      }
    },
  });
}

/** As CRIU names it but for a colon: `"net[4026532176]"`. */
function networkOf(pid: number): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/net`).replace(":", "");
}

function withNetwork(keeper: number): readonly string[] {
  return ["bash", "-c", `exec 30</proc/${keeper}/ns/net; exec "$@"`, "bash"];
}

async function restore({ tree, images, keeper }: External, options: readonly string[]) {
  return await tree.restoreThrough(withNetwork(keeper), images, [...PROVIDED, ...options]);
}
