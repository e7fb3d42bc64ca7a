/** The house rules that no compiler checks: who may import whom, words with one place, sizes, and that nothing lies about unused. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadAll } from "js-yaml";
import ts from "typescript";
import { parse } from "../src/api/resource.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const filesUnder = (folder: string, ends: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ends)).map((name) => join(folder, name)).sort();

const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

interface Import { readonly from: string; readonly isTypeOnly: boolean }
interface Source { readonly file: string; readonly folder: string; readonly text: string; readonly tree: ts.SourceFile; readonly imports: readonly Import[] }

const isTypeOnly = ({ importClause: clause }: ts.ImportDeclaration): boolean => {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { namedBindings } = clause;
  return clause.name === undefined && namedBindings !== undefined && ts.isNamedImports(namedBindings) && namedBindings.elements.every((one) => one.isTypeOnly);
};

const dynamicImport = /\bimport\("([^"]+)"\)/g;

const importsOf = (tree: ts.SourceFile): readonly Import[] => [...staticImportsOf(tree), ...[...tree.text.matchAll(dynamicImport)].map(([, from = ""]) => ({ from, isTypeOnly: false }))];

const staticImportsOf = (tree: ts.SourceFile): readonly Import[] => tree.statements.flatMap((statement): readonly Import[] => {
  if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) return [{ from: statement.moduleSpecifier.text, isTypeOnly: isTypeOnly(statement) }];
  if (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined && ts.isStringLiteral(statement.moduleSpecifier)) return [{ from: statement.moduleSpecifier.text, isTypeOnly: statement.isTypeOnly }];
  return [];
});

const sourceOf = (file: string): Source => {
  const text = textOf(file);
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return { file, text, tree, folder: file.split("/").length > 2 ? file.split("/")[1] ?? "" : "", imports: importsOf(tree) };
};

const sources = filesUnder("src", ".ts").map(sourceOf);
const others = ["scripts", "bench", "crds", "docs", "test"].flatMap((folder) => filesUnder(folder, ".ts")).map(sourceOf);

/** Folders whose own files are wiring, and may import everything. */
const wiring = "";

/** What a folder's files may import: other folders, top-level files of src, and packages. */
const mayImport: Readonly<Record<string, { readonly ours: readonly string[]; readonly packages: readonly string[] }>> = {
  schema: { ours: [], packages: ["node:net"] },
  api: { ours: ["schema"], packages: ["node:crypto"] },
  postgres: { ours: [], packages: ["node:crypto"] },
  plan: { ours: ["api", "postgres", "ports.ts"], packages: [] },
  observe: { ours: ["api", "plan", "postgres", "ports.ts", "errors.ts"], packages: [] },
  act: { ours: ["api", "plan", "postgres", "ports.ts", "errors.ts"], packages: [] },
  controller: { ours: [], packages: [] },
  adapters: { ours: ["api", "postgres", "ports.ts", "errors.ts"], packages: ["node:", "dockerode", "pg", "@kubernetes/client-node", "p-retry", "tar-stream"] },
  apiserver: { ours: ["schema", "errors.ts"], packages: ["node:", "@marcbachmann/cel-js", "js-yaml", "protobufjs", "rfc6902"] },
  images: { ours: ["errors.ts"], packages: ["node:", "dockerode", "tar-stream"] },
};

const targetOf = ({ file }: Source, from: string): string => relative("src", join(dirname(file), from));

test("every folder imports only what it may", () => {
  const wrong = sources.filter(({ folder }) => folder !== wiring).flatMap((source) => {
    const allowed = mayImport[source.folder];
    if (allowed === undefined) return [`${source.file}: the folder ${source.folder} has no rule`];
    return source.imports.filter(({ from }) => {
      if (!from.startsWith(".")) return !allowed.packages.some((name) => from === name || from.startsWith(name.endsWith(":") ? name : `${name}/`));
      const target = targetOf(source, from);
      const [folder = ""] = target.split("/");
      return folder !== source.folder && !allowed.ours.includes(folder);
    }).map(({ from }) => `${source.file} imports ${from}`);
  });
  assert.deepEqual(wrong, []);
});

test("the planner knows the outside by types alone", () => {
  const wrong = sources.filter(({ folder }) => folder === "plan").flatMap((source) => source.imports.filter(({ from, isTypeOnly: isType }) => !isType && targetOf(source, from) === "ports.ts").map(() => source.file));
  assert.deepEqual(wrong, []);
});

test("a round knows neither adapters nor the control plane", () => {
  const wrong = sources.filter(({ file }) => file === "src/reconcile.ts" || file === "src/ports.ts").flatMap((source) => source.imports.map(({ from }) => from).filter((from) => /adapters|apiserver/.test(from)));
  assert.deepEqual(wrong, []);
});

test("files import one another without going round in circles", () => {
  const uses = new Map(sources.map((source) => [source.file, source.imports.filter(({ from, isTypeOnly: isType }) => from.startsWith(".") && !isType).map(({ from }) => join(dirname(source.file), from))]));
  const done = new Set<string>();
  const circle = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of uses.get(file) ?? []) {
      const found = circle(next, [...path, file]);
      if (found !== undefined) return found;
    }
    done.add(file);
    return undefined;
  };
  assert.deepEqual([...uses.keys()].map((file) => circle(file, [])).filter((one) => one !== undefined), []);
});

/** Words that have one place, and the files that are it. */
const placed: readonly { readonly word: RegExp; readonly in: RegExp }[] = [
  { word: /\bDate\.now\b/, in: /^src\/main\.ts$/ },
  { word: /\bMath\.random\b/, in: /^src\/operate\.ts$/ },
  { word: /\bprocess\.env\b|\bprocess\.argv\b/, in: /^src\/config\.ts$/ },
  { word: /\bconsole\./, in: /^$/ },
  { word: /\b(setTimeout|setInterval|setImmediate)\b/, in: /^src\/(operate\.ts|apiserver\/|adapters\/|images\/)/ },
  { word: /\bnew Date\(\)|\bperformance\.now\b/, in: /^src\/(main|operate)\.ts$/ },
];

/** A file's text without its comments. */
const codeOf = ({ text }: Source): string => text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");

test("clock, chance, environment and console have their places", () => {
  const wrong = sources.flatMap((source) => placed.filter((rule) => !rule.in.test(source.file) && rule.word.test(codeOf(source))).map(({ word }) => `${source.file}: ${word.source}`));
  assert.deepEqual(wrong, []);
});

const nodesOf = (tree: ts.Node): readonly ts.Node[] => {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => { nodes.push(node); ts.forEachChild(node, visit); };
  visit(tree);
  return nodes;
};

test("no any, no !, no enum", () => {
  const banned = new Set([ts.SyntaxKind.AnyKeyword, ts.SyntaxKind.NonNullExpression, ts.SyntaxKind.EnumDeclaration]);
  const wrong = sources.flatMap(({ file, tree }) => nodesOf(tree).filter(({ kind }) => banned.has(kind)).map((node) => `${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`));
  assert.deepEqual(wrong, []);
});

const linesMax = { file: 400, function: 70 } as const;
const linesOf = (text: string): number => text.split("\n").filter((line) => line.trim() !== "" && !/^\s*(\/\/|\*|\/\*)/.test(line)).length;

test("files and functions are of a size that can be read", () => {
  const wrong = sources.flatMap(({ file, text, tree }) => [
    ...text.split("\n").length > linesMax.file + 1 ? [file] : [],
    ...nodesOf(tree).filter(ts.isFunctionLike).filter((node) => linesOf(node.getText()) > linesMax.function).map((node) => `${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`),
  ]);
  assert.deepEqual(wrong, []);
});

test("every file of the program opens with what it does", () => {
  assert.deepEqual(sources.filter(({ text }) => !text.replace(/^#!.*\n/, "").startsWith("/**")).map(({ file }) => file), []);
});

test("every file of the program is used", () => {
  const used = new Set([...sources, ...others.filter(({ file }) => !file.startsWith("test/"))].flatMap((source) => source.imports.filter(({ from }) => from.startsWith(".")).map(({ from }) => join(dirname(source.file), from))));
  const entry = textOf("bin/pgrs");
  assert.deepEqual(sources.map(({ file }) => file).filter((file) => !used.has(file) && !entry.includes(file)), []);
});

test("every folder of goldens belongs to a test", () => {
  const tests = others.filter(({ file }) => file.startsWith("test/")).map(({ text }) => text);
  const folders = readdirSync(join(root, "test/golden"), { withFileTypes: true }).filter((one) => one.isDirectory()).map(({ name }) => name);
  assert.deepEqual(folders.filter((name) => !tests.some((text) => text.includes(`golden/${name}`))), []);
});

test("what README says happens when is what a test proves, line by line", () => {
  const [, chapter = ""] = /## What happens when\n([^]*?)\n## /.exec(textOf("README.md")) ?? [];
  const told = chapter.split(/\n(?=- )/).slice(1).map((item) => item.replace(/\n\n[^]*/, "").replace(/^- /, "").replace(/\s+/g, " ").trim());
  const proven = filesUnder("test/e2e", ".test.ts").filter((file) => /\/failover-/.test(file)).flatMap((file) => [...textOf(file).matchAll(/^scenario\("([^"]+)"/gm)].map(([, title = ""]) => title));
  assert.deepEqual(told.toSorted(), proven.toSorted());
});

const examples = filesUnder("examples", ".yaml");

test("there are examples", () => assert.ok(examples.length > 0));

for (const file of examples) {
  test(`${file} is a sound resource`, () => {
    const objects = loadAll(textOf(file)) as readonly { readonly metadata?: { readonly name?: string } }[];
    assert.ok(objects.length > 0);
    for (const object of objects) {
      const { resource, problems } = parse({ ...object, metadata: { namespace: "default", uid: "u", resourceVersion: "1", generation: 1, ...object.metadata } });
      assert.deepEqual(problems, []);
      assert.notEqual(resource.metadata.name, undefined);
    }
  });
}

/** What a reader elsewhere can make nothing of. */
const inside: readonly RegExp[] = [/\/work\//, /\bissue #?\d+\b/i, /(^|\s)(TODO|FIXME|XXX)\b/];

test("nothing speaks of the place where it was written, and nothing is left to be done", () => {
  const texts = [...sources, ...others].filter(({ file }) => file !== "test/tidy.test.ts").map(({ file, text }) => ({ file, text }))
    .concat([...filesUnder("manifests", ".yaml"), ...examples, "README.md", "ARCHITECTURE.md", "package.json"].map((file) => ({ file, text: textOf(file) })));
  assert.deepEqual(texts.flatMap(({ file, text }) => inside.filter((pattern) => pattern.test(text)).map((pattern) => `${file}: ${pattern.source}`)), []);
});
