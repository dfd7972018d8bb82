import { deepEqual as assertEquals, throws } from "node:assert/strict";
import { v2Host } from "../../tests/fakes/fake_hosts.ts";
import { FakeSys } from "../../tests/fakes/fake_sys.ts";
import { encodeNetlink } from "../model/netlink_message.ts";
import {
  encodeAttributes,
  encodeRouteBody,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  linkHeader,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_NEWLINK,
  textValue,
} from "../model/route_message.ts";
import type { Sys } from "../sys/sys.ts";
import { describeDevices } from "./describe_devices.ts";

const DONE = encodeNetlink({ type: NLMSG_DONE, flags: 2, body: new Uint8Array(4) });

function aDevice(index: number, name: string, kind?: string): Uint8Array {
  const info = kind === undefined ? [] : [
    [IFLA_LINKINFO, encodeAttributes(new Map([[IFLA_INFO_KIND, textValue(kind)]]))] as const,
  ];
  const attributes = new Map([[IFLA_IFNAME, textValue(name)], ...info]);
  return encodeNetlink({
    type: RTM_NEWLINK,
    flags: 2,
    body: encodeRouteBody({ header: linkHeader(index), attributes }),
  });
}

/** A kernel that answers in these parts; tells what is not closed. */
function answering(...parts: readonly (readonly Uint8Array[])[]): { sys: Sys; open: Set<number> } {
  const open = new Set<number>();
  const left = parts.map((part) => Uint8Array.from(part.flatMap((message) => [...message])));
  const calls: Partial<Sys> = {
    netlinkSocket: () => (open.add(7), 7),
    write: (_, data) => data.length,
    read(_, buffer) {
      const part = left.shift() ?? new Uint8Array();
      buffer.set(part);
      return part.length;
    },
    close: (fd) => void open.delete(fd),
    errnoName: (errno) => errno === 1 ? "EPERM" : "other",
  };
  return { sys: calls as Sys, open };
}

Deno.test("describeDevices() puts the parts of the kernel's list together", () => {
  const { sys, open } = answering([aDevice(1, "lo"), aDevice(4, "br0", "bridge")], [aDevice(9, "v", "veth")], [DONE]);
  assertEquals(describeDevices(sys), {
    devices: new Map([[1, "lo"], [4, "br0"], [9, "v"]]),
    bridges: new Set(["br0"]),
  });
  assertEquals([...open], []);
});

Deno.test("describeDevices() tells of what the kernel refuses", () => {
  const refusal = encodeNetlink({ type: NLMSG_ERROR, flags: 0, body: Uint8Array.of(255, 255, 255, 255) });
  const { sys, open } = answering([refusal]);
  throws(() => describeDevices(sys), /^SysError: Cannot list the network devices: EPERM$/);
  throws(() => describeDevices(answering().sys), /Cannot list the network devices: ENODATA/);
  assertEquals([...open], []);
});

Deno.test("describeDevices() finds the loopback device of the fake kernel", () => {
  const fake = new FakeSys(v2Host());
  assertEquals(describeDevices(fake), { devices: new Map([[1, "lo"]]), bridges: new Set() });
  assertEquals(fake.leftovers(), []);
});
