import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "limits", what: "all resource limits" });
testProgram({ program: "exceeded_limits", what: "limits that allow less than there is" });
testProgram({ program: "scheduling", what: "policies, priorities and nice values of threads" });
testEdited({
  program: "deadline",
  what: "a deadline is refused",
  edit: () => {},
  refused: /its scheduling policy is SCHED_DEADLINE/,
});
testProgram({ program: "controls", what: "what a task has set for itself" });
testProgram({ program: "death_with_parent", what: "the signal for the parent's death" });
testProgram({ program: "personality_flags", what: "personalities", criuLoses: "personalities" });
