import assert from "node:assert/strict";
import type { DescriptorAction } from "../../plan/contents/descriptor_action.ts";
import type { DescriptorStep } from "../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { SYSCALLS_X86_64 } from "../../tracee/syscalls_x86_64.ts";
import { leaseOwners } from "./lease_owners.ts";
import type { ContentsContext } from "./remote.ts";

const LEASE: DescriptorAction = { kind: "lease", fd: 5, type: 0 };
const DESCRIPTORS = [{ fd: 4, handle: 1 }, { fd: 5, handle: 2 }] as readonly Partial<DescriptorStep>[];

/** What is found where every file belongs to user 1000, and of which descriptors that was asked. */
function find(isInUserNamespace: boolean, descriptorActions: readonly DescriptorAction[]) {
  const context = { numbers: SYSCALLS_X86_64, base: 100, isInUserNamespace } as ContentsContext;
  const asked: unknown[] = [];
  const run = (calls: readonly RemoteCall[]) => {
    for (const { number, arguments: [fd, path, flags, mask, to] } of calls) {
      asked.push([number, fd, path, flags, mask]);
      assert.ok(typeof to === "object" && "output" in to);
      // stx_uid of struct statx.
      new DataView(to.output.buffer).setUint32(20, 1000, true);
    }
  };
  const owners = leaseOwners(
    context,
    { descriptors: DESCRIPTORS as readonly DescriptorStep[], descriptorActions },
    run,
  );
  return { owners: [...owners], asked };
}

Deno.test("leaseOwners() looks at files of leases in a user namespace", () => {
  assert.deepEqual(find(true, [LEASE, { kind: "set-async", fd: 4, flags: 0 }]), {
    owners: [[5, 1000]],
    asked: [[332, 103, Uint8Array.of(0), 0x1000, 8]],
  });
});

Deno.test("leaseOwners() asks nothing where there is no need", () => {
  assert.deepEqual(find(true, []), { owners: [], asked: [] });
  assert.deepEqual(find(false, [LEASE]), { owners: [], asked: [] });
});
