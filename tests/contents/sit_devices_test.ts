/** Tunnels for IPv6 in IPv4, in net namespaces of the tasks' own. */
import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { testProgram } from "./support/test_program.ts";

const NEEDS = ["iproute2", "sit"] as const;
const UNLOCKED = ["--network-lock", "skip"];

testProgram({
  program: "net_sit",
  what: "tunnels for IPv6 in IPv4",
  dump: UNLOCKED,
  needs: NEEDS,
  criuLoses: "it has sizes of packets found out where they were not, and the kernel makes an address",
});

const MOVED = "net_sit_moved: a tunnel that was made in another net namespace is refused";

Deno.test({
  name: MOVED,
  ...requires(MOVED, "root", "cc", "criu", ...NEEDS),
  async fn() {
    await using tree = await LiveTree.ofProgram("net_sit_moved");
    const { code, err } = await tree.restore(await tree.dump(UNLOCKED));
    assertMatch(
      err,
      /net namespace 2: the sit device "moved0" cannot be restored: it was made in another net namespace/,
    );
    assertEqual(code, 4);
  },
});
