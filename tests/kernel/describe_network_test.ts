import { deepEqual as assertEquals } from "node:assert/strict";
import { SysError } from "../../lib/errors.ts";
import { describeNetwork } from "../../lib/host/describe_network.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import type { Sys } from "../../lib/sys/sys.ts";
import { exists } from "../support/exists.ts";

/** A kernel without some of the files of /proc/net, as one that lacks what these are about. */
function without(sys: Sys, ...files: readonly string[]): Sys {
  const open: Sys["open"] = (path, ...rest) => {
    if (files.some((file) => path.endsWith(`/net/${file}`))) {
      throw new SysError("open", "ENOENT", `Cannot open ${path}`);
    }
    return sys.open(path, ...rest);
  };
  return new Proxy(sys, {
    get: (target, name) => {
      const value: unknown = name === "open" ? open : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("describeNetwork() tells what the kernel lacks", () => {
  using sys = openLinuxSys();
  const here = [["tcp6", "IPv6"], ["udplite", "UDP-Lite"]] as const;
  const lacking = here.filter(([file]) => !exists(`/proc/net/${file}`)).map(([, part]) => part);
  assertEquals([...describeNetwork(sys).lacks], lacking);
  const none = without(sys, "tcp6", "udp6", "udplite", "udplite6");
  assertEquals([...describeNetwork(none).lacks], ["IPv6", "UDP-Lite"]);
});
