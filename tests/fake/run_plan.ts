/** Follows a plan on the fake kernel, as `restore` does. */

import { openYard } from "../../lib/exec/yard.ts";
import { executePlan, type Outcome } from "../../lib/exec/execute_plan.ts";
import { X86_64 } from "../../lib/tracee/agent_x86_64.ts";
import { type FakeFailures, FakeSys } from "../fakes/fake_sys.ts";
import type { PlanCase } from "./plans.ts";

/** What came of a run. */
export interface Run {
  readonly fake: FakeSys;
  readonly outcome: Outcome | undefined;
  readonly error: unknown;
  /** How many calls had been made when everything was verified; 0 when it never was. */
  readonly verifiedAt: number;
  /** How many calls had been made when the plan had been carried out; 0 when it never was. */
  readonly doneAt: number;
}

/** How to follow it. */
export interface RunOptions extends FakeFailures {
  readonly rehearse?: boolean;
  readonly leaveStopped?: boolean;
  /** Thrown when all is verified, so that all is undone. */
  readonly refuse?: Error;
}

/** Opens a yard, executes the plan, and closes the yard; never throws. */
export function runPlan({ host, plan }: PlanCase, options: RunOptions = {}): Run {
  const fake = new FakeSys(host(), options);
  let [outcome, error, verifiedAt, doneAt]: [Outcome | undefined, unknown, number, number] = [
    undefined,
    undefined,
    0,
    0,
  ];
  fake.catchSignals();
  try {
    const yard = openYard(fake, plan.hierarchies);
    try {
      outcome = executePlan(fake, plan, {
        architecture: X86_64,
        rehearse: options.rehearse ?? false,
        leaveStopped: options.leaveStopped ?? false,
        yard,
        onNamespaces: () => {},
        onVerified: () => {
          verifiedAt = fake.calls.length;
          if (options.refuse !== undefined) throw options.refuse;
        },
      });
      doneAt = fake.calls.length;
    } finally {
      yard.close();
    }
  } catch (caught) {
    error = caught;
  }
  return { fake, outcome, error, verifiedAt, doneAt };
}
