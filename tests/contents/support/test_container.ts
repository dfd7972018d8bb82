/** Tests with a container. */
import { equal as assertEqual } from "node:assert/strict";
import { waitUntil } from "../../support/kernel_state.ts";
import { criuPath, type Requirement, requires } from "../../support/skip.ts";
import { Container, type ContainerOptions } from "./container.ts";
import { tryCriu } from "./try_criu.ts";

/** Containers of runc. */
export const WITH_PIPES: ContainerOptions = { runtime: "runc", hasTerminal: false };
export const WITH_TERMINAL: ContainerOptions = { runtime: "runc", hasTerminal: true };

/** crun refuses hosts that have cgroups of both v1 and v2, so it is for the VM. */
const RUNTIMES: Record<ContainerOptions["runtime"], readonly Requirement[]> = { runc: ["runc"], crun: ["vm", "crun"] };

/** What a test with such a container needs. */
export function needsOf({ runtime }: ContainerOptions): readonly Requirement[] {
  return ["root", "cc", "criu", ...RUNTIMES[runtime], "pid-namespaces"];
}

/** A test that gets a container which has been dumped. */
export function testContainer(
  what: string,
  options: ContainerOptions,
  check: (container: Container) => Promise<void>,
): void {
  Deno.test({
    name: what,
    ...requires(what, ...needsOf(options)),
    async fn() {
      await using container = await Container.create(options);
      await container.start();
      await container.checkpoint();
      await check(container);
    },
  });
}

/** Restores it, and lets it go on to its end. The images stay, so the same container may be restored again. */
export async function restoreAndFinish(container: Container, criu: string): Promise<void> {
  container.forget();
  const { code, err } = await container.restore(criu);
  assertEqual(code, 0, err);
  const { pid, status } = await container.state();
  assertEqual(status, "running");
  const cgroups = Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n");
  assertEqual([...new Set(cgroups.map((line) => line.split(":")[2]))].join(), `/${container.id}`);
  await container.type("typed\n");
  assertEqual(await container.finish(), "ok");
  await waitUntil(() => /after/.test(container.output), `it has not written on: ${container.output}`);
  await container.remove();
}

/** The same by CRIU. */
export async function finishWithCriu(container: Container): Promise<void> {
  await tryCriu(() => restoreAndFinish(container, criuPath()), () => container.remove());
}
