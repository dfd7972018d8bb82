/** The quick gate, `deno task ok`: format, lint, types, generated code, pure tests. Stops at the first failure. */
import { runStep, type Step } from "./steps.ts";

/** Steps that need no root, no kernel of a kind and no other program. */
export const OK_STEPS: readonly Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint", "--quiet"] },
  { name: "types", args: ["check", "--quiet"] },
  { name: "generated code", args: ["run", "-A", "scripts/check_generated.ts"] },
  { name: "pure tests and examples", args: ["test", "-A", "--doc", "--no-check", "lib", "scripts"] },
];

if (import.meta.main) {
  for (const step of OK_STEPS) {
    const { success } = await runStep(step);
    if (!success) Deno.exit(1);
  }
}
