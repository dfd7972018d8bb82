import { deepEqual } from "node:assert/strict";
import type { MountsPlan, MountStep } from "./mounts_plan.ts";
import { showNetworks } from "./show_networks.ts";

function step(type: string, namespace: number): MountStep {
  const source = { kind: "new", type, source: type, options: [], lateOptions: [], files: [] } as const;
  return { mountPoint: "/sys", namespace, at: "sys", source, flags: 0, followsHost: false };
}

Deno.test("showNetworks() has each sysfs show the devices of who is in its mount namespace", () => {
  const namespaces = [1, 7, 8].map((witness, index) => ({ handle: 2 * index, root: 2 * index + 1, witness }));
  const plan: MountsPlan = {
    steps: [step("sysfs", 0), step("sysfs", 1), step("tmpfs", 1), step("sysfs", 2)],
    sharing: [],
    nested: { namespaces, homes: new Map([[7, 1], [8, 2]]), entries: new Map() },
  };
  const networksOf = ({ steps }: MountsPlan) => (
    steps.map(({ source }) => source.kind === "new" ? source.network : undefined)
  );
  deepEqual(networksOf(showNetworks(plan, { homes: new Map([[7, 3]]) })), [undefined, 3, undefined, undefined]);
  const { nested: _, ...alone } = plan;
  deepEqual(showNetworks(alone, { homes: new Map([[7, 3]]) }), alone);
});
