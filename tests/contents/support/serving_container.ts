import { equal as assertEqual } from "node:assert/strict";
import { waitUntil } from "../../support/kernel_state.ts";
import type { ContainerPlan, Engine, EngineContainer } from "./engine.ts";
import { fetchText } from "./fetch_text.ts";

/** An init process, and a server of a file that it has made, whose port this host has, too. */
export const SERVING = {
  options: ["--init", "--publish", "127.0.0.1::80"],
  script: "mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www",
} as const satisfies ContainerPlan;

/** It can be reached on its bridge, and where this host has its port. */
export async function checkServer(engine: Engine, container: EngineContainer): Promise<void> {
  const pid = await container.pid();
  await waitUntil(() => isListening(pid), "the server does not listen");
  const address = await container.inspect("{{.NetworkSettings.IPAddress}}");
  for (const host of [address, await engine.run(["port", container.id, "80"])]) {
    assertEqual(await fetchText(`http://${host}/`), "served\n");
  }
}

/** Whether somebody in the net namespace of a task listens at port 80, by IPv4 or IPv6 (proc_net_tcp.txt). */
function isListening(pid: number): boolean {
  return ["tcp", "tcp6"].some((file) => /:0050 0+:0000 0A/.test(Deno.readTextFileSync(`/proc/${pid}/net/${file}`)));
}
