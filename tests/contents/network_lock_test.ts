/** Locks that the dump has left on the network are taken away by the restore. */
import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { inventory_entrySchema } from "../gen/inventory_pb.ts";
import { cgrestoreCommand, describeRun, type Run } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { editImage } from "./support/edit_image.ts";
import { ExternalNetwork } from "./support/external_network.ts";
import { LiveTree } from "./support/live_tree.ts";

/** `NETWORK_LOCK_METHOD` of criu/include/cr_options.h. */
const IPTABLES = 0;

interface LockTest {
  readonly name: string;
  /** Of the programs that take all rules at once. */
  readonly status: number;
  /** What is run and read. */
  readonly expected: readonly string[];
}

function testLock({ name, status, expected }: LockTest): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.ofProgram("tcp_half_closed");
      // No rule is made really: connections of others on this host may not need it.
      const images = await tree.dump(["--tcp-established", "--network-lock", "skip"]);
      editImage(`${images}/inventory.img`, inventory_entrySchema, (entry) => entry.networkLockMethod = IPTABLES);
      const commands = await Deno.makeTempDir({ prefix: "cgr-iptables-" });
      try {
        for (const name of ["iptables", "ip6tables"]) {
          writeRecorder(commands, name);
          writeRecorder(commands, `${name}-restore`, `cat >> ${commands}/log; exit ${status}`);
        }
        await tree.putDirectoryBack();
        const { code, err } = await restoreWithCommands(commands, images);
        assertEqual(err, "");
        assertEqual(code, 0);
        assertEqual(await tree.finish(), "ok");
        const lines = Deno.readTextFileSync(`${commands}/log`).trimEnd().split("\n");
        assertEquals(lines.map(withoutPorts).sort(), expected.toSorted());
      } finally {
        await Deno.remove(commands, { recursive: true });
      }
    },
  });
}

/** Each of two connections has two sides here, and each side two rules. */
function rulesOf(address: string): string[] {
  return ["INPUT", "INPUT", "OUTPUT", "OUTPUT"].map((chain) => (
    `-D ${chain} --protocol tcp -m mark ! --mark 0xC114 ` +
    `--source ${address} --sport P --destination ${address} --dport P -j DROP`
  ));
}

const PROGRAMS = [["ip6tables", "::1"], ["iptables", "127.0.0.1"]] as const;

const AT_ONCE = PROGRAMS.flatMap((
  [program, address],
) => [`${program}-restore -w --noflush`, "*filter", ...rulesOf(address), "COMMIT"]);

testLock({
  name: "restore has iptables take away the two rules of each connection, all at once",
  status: 0,
  expected: AT_ONCE,
});
testLock({
  name: "restore has iptables take away the rules one by one where they are not all there",
  status: 1,
  expected: [
    ...AT_ONCE,
    ...PROGRAMS.flatMap(([program, address]) => rulesOf(address).map((rule) => `${program} -w -t filter ${rule}`)),
  ],
});

function withoutPorts(line: string): string {
  return line.replace(/port \d+/g, "port P");
}

/** Writes a program that notes how it was called, and does something else then. */
function writeRecorder(directory: string, name: string, further = ""): void {
  const path = `${directory}/${name}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\necho ${name} "$@" >> ${directory}/log\n${further}\n`);
  Deno.chmodSync(path, 0o755);
}

/** Restores with a directory in front of where programs are looked for. */
async function restoreWithCommands(directory: string, images: string): Promise<Run> {
  const [command, ...first] = cgrestoreCommand();
  const args = [...first, "restore", "--images", images, "--restore-detached", "-v1", "--tcp-established"];
  const env = { PATH: `${directory}:${Deno.env.get("PATH") ?? ""}` };
  return describeRun(await new Deno.Command(command, { args, env, stdin: "null" }).output());
}

const CHAIN_NAME = "restore has iptables take away the chain that locks an external net namespace";

Deno.test({
  name: CHAIN_NAME,
  ...requires(CHAIN_NAME, "root", "cc", "criu", "iproute2"),
  async fn() {
    await using external = await ExternalNetwork.dump("net_of_others", ["--network-lock", "skip"]);
    const { tree, images } = external;
    editImage(`${images}/inventory.img`, inventory_entrySchema, (entry) => entry.networkLockMethod = IPTABLES);
    const commands = await Deno.makeTempDir({ prefix: "cgr-iptables-" });
    try {
      writeRecorder(commands, "nsenter");
      const path = `PATH=${commands}:${Deno.env.get("PATH") ?? ""}`;
      const { code, err } = await tree.restoreThrough(["env", path, ...external.provide], images, external.options);
      assertEqual(err, "");
      assertEqual(code, 0);
      const lines = Deno.readTextFileSync(`${commands}/log`).trimEnd().split("\n");
      assertEquals(lines.map((line) => line.replace(/\d+(?=\/ns)/, "PID")), EXPECTED_FOR_CHAIN);
    } finally {
      await Deno.remove(commands, { recursive: true });
    }
  },
});

const EXPECTED_FOR_CHAIN = ["iptables", "ip6tables"].flatMap((command) => (
  ["-D INPUT -j CRIU", "-D OUTPUT -j CRIU", "-F CRIU", "-X CRIU"].map((action) => (
    `nsenter --net=/proc/PID/ns/net ${command} -w -t filter ${action}`
  ))
));
