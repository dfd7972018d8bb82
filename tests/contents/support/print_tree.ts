/** Prints how `describeTree` describes the task whose pid is its argument, for tests that see another /proc. */
import { describeTree } from "./describe_tree.ts";

if (import.meta.main) console.log(JSON.stringify([...describeTree(Number(Deno.args[0]))]));
