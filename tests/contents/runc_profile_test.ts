/** A container under a profile of AppArmor, as the engines that people use put theirs. */
import { equal as assertEqual } from "node:assert/strict";
import { requires } from "../support/skip.ts";
import { Container } from "./support/container.ts";
import { OwnProfiles, profileOf } from "./support/own_profiles.ts";
import { finishWithCriu, needsOf, restoreAndFinish, WITH_PIPES } from "./support/test_container.ts";

const PROFILE = "cgrestore-test-container";
/** What such profiles allow: no mounts, no settings of the kernel, and signals and tracing among themselves only. */
const RULES = `
  file, capability, network, umount,
  signal (receive) peer=unconfined, signal (send, receive) peer=${PROFILE},
  ptrace (trace, read, tracedby, readby) peer=${PROFILE},
  deny mount, deny /proc/sysrq-trigger rwklx, deny /proc/sys/kernel/** wklx, deny /sys/[^f]*/** wklx,
`;

const name = "a container of runc under a profile of AppArmor";
Deno.test({
  name,
  ...requires(name, ...needsOf(WITH_PIPES), "apparmor"),
  async fn() {
    await using _ = await OwnProfiles.load({ [PROFILE]: RULES });
    await using container = await Container.create(WITH_PIPES);
    await container.edit((config) => Object.assign(config.process, { apparmorProfile: PROFILE }));
    await container.start();
    await container.checkpoint();
    const cgrestore = await container.cgrestore();
    const { code, err } = await container.restore(cgrestore);
    assertEqual(code, 0, err);
    assertEqual(profileOf((await container.state()).pid), PROFILE);
    await container.remove();
    await restoreAndFinish(container, cgrestore);
    await finishWithCriu(container);
  },
});
