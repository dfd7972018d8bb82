/**
 * The house rules that a machine can check: who may import whom (the table of CONTRIBUTING.md), who may touch the
 * system, how an error's sentence looks. Tests (`*_test.ts`) are free of all but the last.
 */

/** What a folder of `lib` may import besides itself, `errors.ts` and `text.ts`. */
interface Allowed {
  /** Folders, or files in the form `folder/file.ts`. */
  readonly values: readonly string[];
  /** The same, for `import type`. */
  readonly types: readonly string[];
}

const DATA_FLOW = ["wire", "gen", "image", "model", "host", "plan", "sys", "tracee", "exec", "verify", "report"];

const IMPORTS: Readonly<Record<string, Allowed>> = {
  wire: { values: [], types: [] },
  gen: { values: ["wire"], types: [] },
  image: { values: ["gen", "wire", "sys/constants.ts", "sys/files.ts", "sys/files_ahead.ts"], types: ["sys/sys.ts"] },
  model: { values: ["gen", "wire"], types: ["image"] },
  host: { values: ["model", "sys"], types: [] },
  plan: { values: ["model"], types: ["host"] },
  sys: { values: [], types: [] },
  tracee: { values: ["sys"], types: [] },
  exec: { values: ["plan", "sys", "tracee", "model", "host", "verify"], types: [] },
  verify: { values: ["plan", "model", "host", "sys"], types: [] },
  report: { values: ["model", "plan/plan.ts"], types: DATA_FLOW },
  cli: { values: DATA_FLOW, types: [] },
};

/** Files directly in `lib`, which every folder may import. */
const EVERYWHERE = ["errors.ts", "text.ts", "for_each_always.ts"];

/** Position of the sentence among the arguments of an error's constructor, where it is not the first. */
const SENTENCE_POSITION: Readonly<Record<string, number>> = { SysError: 2 };

/** Where a file lies: its folder of `lib`, and whether it is a test. */
interface Place {
  /** `"plan"`, for its folders as well; `""` for a file directly in `lib`; undefined outside of it. */
  readonly folder: string | undefined;
  readonly test: boolean;
  readonly main: boolean;
}

function placeOf(filename: string): Place {
  const path = filename.replaceAll("\\", "/");
  const folder = /\/lib\/(?:([^/]+)\/(?:.+\/)?)?[^/]+$/.exec(path);
  return {
    folder: folder === null ? undefined : folder[1] ?? "",
    test: path.endsWith("_test.ts"),
    main: path.endsWith("/main.ts"),
  };
}

/** `"plan/plan.ts"` for an import of a file of `lib`, seen from the file that imports it. */
function fileOfLib(filename: string, source: string): string | undefined {
  if (!source.startsWith(".")) return undefined;
  return /\/lib\/(.+)$/.exec(new URL(source, `file://${filename}`).pathname)?.[1];
}

function isAllowed(folder: string, file: string, typeOnly: boolean): boolean {
  const target = file.split("/")[0] ?? "";
  if (EVERYWHERE.includes(file) || target === folder) return true;
  const allowed = IMPORTS[folder];
  if (allowed === undefined) return false;
  const names = typeOnly ? [...allowed.values, ...allowed.types] : allowed.values;
  return names.includes(target) || names.includes(file);
}

function importHint(folder: string): string {
  const allowed = IMPORTS[folder];
  if (allowed === undefined) return "Files directly in lib import nothing of it; new folders need a row in the table";
  const types = allowed.types.map((name) => `${name} (import type)`);
  return `It may import ${[...EVERYWHERE, ...allowed.values, ...types].join(", ")}; see CONTRIBUTING.md`;
}

type ImportNode =
  | Deno.lint.ImportDeclaration
  | Deno.lint.ExportNamedDeclaration
  | Deno.lint.ExportAllDeclaration
  | Deno.lint.ImportExpression;

function sourceOf(node: ImportNode): string | undefined {
  const source = node.source;
  return source !== null && source.type === "Literal" && typeof source.value === "string" ? source.value : undefined;
}

/** Whether an import leaves nothing behind in JavaScript. */
function isTypeOnly(node: ImportNode): boolean {
  if (node.type === "ImportExpression") return false;
  if (node.type !== "ImportDeclaration") return node.exportKind === "type";
  if (node.importKind === "type") return true;
  const { specifiers } = node;
  return specifiers.length > 0 &&
    specifiers.every((specifier) => specifier.type === "ImportSpecifier" && specifier.importKind === "type");
}

function importRule(check: (context: Deno.lint.RuleContext, place: Place, node: ImportNode) => void): Deno.lint.Rule {
  return {
    create(context) {
      const place = placeOf(context.filename);
      if (place.test) return {};
      const visit = (node: ImportNode) => check(context, place, node);
      return {
        ImportDeclaration: visit,
        ExportNamedDeclaration: visit,
        ExportAllDeclaration: visit,
        ImportExpression: visit,
      };
    },
  };
}

const layers = importRule((context, { folder }, node) => {
  const source = sourceOf(node);
  if (folder === undefined || source === undefined) return;
  const file = fileOfLib(context.filename, source);
  if (file === undefined || isAllowed(folder, file, isTypeOnly(node))) return;
  context.report({
    node,
    message: `Cannot import "${file}" in lib/${folder}${isTypeOnly(node) ? "" : " as a value"}`,
    hint: importHint(folder),
  });
});

const noNodeModules = importRule((context, { folder, main }, node) => {
  if ((folder === undefined && !main) || !sourceOf(node)?.startsWith("node:")) return;
  context.report({
    node,
    message: `Cannot import "${sourceOf(node)}" in the executable`,
    hint: "The first node: module costs a quarter of the start-up; use what Deno, libc or the language have",
  });
});

/** Reports every use of a global variable in the places that `banned` selects. */
function noGlobal(name: string, banned: (place: Place) => boolean, hint: string): Deno.lint.Rule {
  return {
    create(context) {
      if (!banned(placeOf(context.filename))) return {};
      return {
        Identifier(node) {
          if (node.name !== name || isPropertyName(node)) return;
          context.report({ node, message: `Cannot use "${name}" here`, hint });
        },
        [`MemberExpression[object.name="globalThis"][property.name="${name}"]`](node: Deno.lint.MemberExpression) {
          context.report({ node, message: `Cannot use "${name}" here`, hint });
        },
      };
    },
  };
}

/** Whether the identifier is `x` of `object.x` or of `{ x: value }`, which is no variable. */
function isPropertyName(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  if (parent.type === "MemberExpression") return parent.property.range[0] === node.range[0] && !parent.computed;
  return parent.type === "Property" && parent.key.range[0] === node.range[0] && !parent.computed && !parent.shorthand;
}

/** First and last piece of text that a literal is sure to have; undefined for other expressions. */
function endsOf(node: Deno.lint.Node | undefined): { first: string; last: string } | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") return { first: node.value, last: node.value };
  if (node?.type !== "TemplateLiteral") return undefined;
  return { first: node.quasis.at(0)?.cooked ?? "", last: node.quasis.at(-1)?.cooked ?? "" };
}

const errorSentence: Deno.lint.Rule = {
  create(context) {
    if (placeOf(context.filename).test) return {};
    return {
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !node.callee.name.endsWith("Error")) return;
        const ends = endsOf(node.arguments[SENTENCE_POSITION[node.callee.name] ?? 0]);
        if (ends === undefined) return;
        const hint = 'The shape is `Cannot <verb> <object>: <what was found>`, as in `Cannot mount "cpu": EBUSY`';
        if (/^\p{Ll}/u.test(ends.first)) {
          context.report({ node, message: "An error's message begins with a capital letter", hint });
        }
        if (/[.!]\s*$/.test(ends.last)) {
          context.report({ node, message: "An error's message ends without a period", hint });
        }
      },
    };
  },
};

const hashPrivate: Deno.lint.Rule = {
  create(context) {
    const report = (node: Deno.lint.Node) =>
      context.report({ node, message: "The keyword private hides nothing at run time", hint: "Name it #name" });
    return {
      'PropertyDefinition[accessibility="private"]': report,
      'TSParameterProperty[accessibility="private"]': report,
      // A private constructor has no other form.
      'MethodDefinition[accessibility="private"][kind!="constructor"]': report,
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "layers": layers,
    "no-node-modules": noNodeModules,
    "no-deno": noGlobal(
      "Deno",
      ({ folder, test }) => folder !== undefined && folder !== "sys" && !test,
      "Go through the Sys that is injected; Deno.* is for lib/sys, main.ts, scripts and tests",
    ),
    "no-console": noGlobal(
      "console",
      ({ folder, test }) => folder !== undefined && !test,
      "Return the text, or use the Output that is injected; only main.ts, scripts and tests print",
    ),
    "error-sentence": errorSentence,
    "hash-private": hashPrivate,
  },
};

export default plugin;
