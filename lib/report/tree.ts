/** One node as text: its own line, and lines about it that come below and before its children. */
export interface TreeNode {
  readonly line: string;
  readonly details: readonly string[];
}

/** Depth from which on the indentation no longer grows, so that a chain of tasks does not become a square of blanks. */
const DEPTH_MAX = 40;

/**
 * Draws trees with lines, as tree(1) does.
 *
 * `describe` makes the text of a node; `childrenOf` lists its children. Works without recursion: depth has no limit.
 */
export function renderTree<Node>(
  roots: readonly Node[],
  shape: { readonly childrenOf: (node: Node) => readonly Node[]; readonly describe: (node: Node) => TreeNode },
): string[] {
  const lines: string[] = [];
  const stack = roots.map((node) => ({ node, own: "", below: "", depth: 0 })).reverse();
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { node, own, below, depth } = item;
    const children = shape.childrenOf(node);
    const { line, details } = shape.describe(node);
    lines.push(`${own}${line}`);
    for (const detail of details) lines.push(`${below}${children.length > 0 ? "│   " : "    "}${detail}`);
    for (const [index, child] of [...children.entries()].reverse()) {
      const isLast = index === children.length - 1;
      const isDeep = depth >= DEPTH_MAX;
      stack.push({
        node: child,
        own: `${below}${isLast ? "└── " : "├── "}${isDeep ? `(depth ${depth + 1}) ` : ""}`,
        below: isDeep ? below : `${below}${isLast ? "    " : "│   "}`,
        depth: depth + 1,
      });
    }
  }
  return lines;
}
