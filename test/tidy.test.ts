/** The house rules that a program can check: who imports whom, words kept to one place, sizes, fresh examples, no strangers' names. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { load } from "js-yaml";
import { parse } from "../src/api/resource.ts";
import { desire } from "../src/plan/desired.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const sources = globSync("src/**/*.ts", { cwd: root }).sort();
const code = (file: string): string => read(file).replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "").replace(/ \/\/ .*$/gm, "");

/** The part of the house that a file belongs to: its folder below src, or its own name. */
const partOf = (file: string): string => relative("src", file).split("/").length > 1 ? relative("src", file).split("/")[0] ?? "" : relative("src", file).replace(/\.ts$/, "");

const importsOf = (file: string): readonly { readonly from: string; readonly isType: boolean }[] =>
  [...read(file).matchAll(/^(import|export)( type)?\s[^;]*?from "([^"]+)";|import\("([^"]+)"\)/gm)]
    .map((found) => ({ from: found[3] ?? found[4] ?? "", isType: found[2] !== undefined }));

const wiring = ["main", "operate", "operator", "config", "log", "crd-yaml"];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  schema: [], postgres: [], errors: [], controller: [],
  api: ["schema"],
  ports: ["api", "postgres", "plan"],
  plan: ["api", "postgres", "ports"],
  observe: ["ports", "plan", "api", "postgres", "errors"],
  act: ["ports", "plan", "api", "postgres", "errors"],
  adapters: ["ports", "api", "postgres", "errors"],
  apiserver: ["schema", "errors"],
  images: ["errors"],
  reconcile: ["api", "controller", "errors", "observe", "act", "plan", "ports", "postgres"],
};

test("nobody imports whom the import rule does not allow", () => {
  const broken = sources.flatMap((file) => {
    const part = partOf(file);
    if (wiring.includes(part)) return [];
    return importsOf(file).flatMap(({ from, isType }) => {
      if (!from.startsWith(".")) return [];
      const other = partOf(relative(root, join(root, dirname(file), from)));
      const isAllowed = other === part || mayImport[part]?.includes(other) === true;
      const isOnlyType = (part === "plan" && other === "ports") || part === "ports" || (part === "reconcile" && other === "controller");
      return isAllowed && (!isOnlyType || isType || /import type|import \{ type/.test(read(file))) ? [] : [`${file} imports ${from}`];
    });
  });
  assert.deepEqual(broken, []);
});

test("nothing outside the adapters and the images knows the libraries of the outside", () => {
  const libraries = ["dockerode", "pg", "@kubernetes/client-node", "p-retry"];
  const broken = sources.filter((file) => !["adapters", "images", "main"].includes(partOf(file)))
    .flatMap((file) => importsOf(file).filter(({ from }) => libraries.includes(from)).map(({ from }) => `${file} imports ${from}`));
  assert.deepEqual(broken, []);
});

/** Words that are kept to the places named. */
const words: readonly { readonly word: RegExp; readonly allowed: readonly RegExp[] }[] = [
  { word: /\bDate\.now\(/, allowed: [/^src\/main\.ts$/] },
  { word: /\bMath\.random\b/, allowed: [/^src\/operate\.ts$/] },
  { word: /\bprocess\.(env|argv)\b/, allowed: [/^src\/config\.ts$/, /^src\/images\//] },
  { word: /\bconsole\./, allowed: [] },
  { word: /\bas any\b|: any\b|<any>/, allowed: [] },
  { word: /@ts-ignore|@ts-expect-error|eslint-disable/, allowed: [] },
  { word: /\b(TODO|FIXME|XXX)\b/, allowed: [] },
];

test("each of these words stays in its place", () => {
  const found = sources.flatMap((file) => words.flatMap(({ word, allowed }) =>
    word.test(code(file)) && !allowed.some((place) => place.test(file)) ? [`${file}: ${word.source}`] : []));
  assert.deepEqual(found, []);
});

test("the plan awaits nothing, and reads no clock, no chance and no environment", () => {
  const found = sources.filter((file) => partOf(file) === "plan")
    .filter((file) => /\bawait \S|\basync (\(|function|\w+ =>)|new Date\(\)|Date\.now|Math\.random|process\.|setTimeout|setInterval/.test(code(file)));
  assert.deepEqual(found, []);
});

test("every source file says first what it is for, and somebody uses it", () => {
  const used = new Set([...sources, ...globSync("{crds,scripts,bench,bin}/**/*", { cwd: root })].filter((file) => /\.ts$/.test(file))
    .flatMap((file) => importsOf(file).filter(({ from }) => from.startsWith(".")).map(({ from }) => relative(root, join(root, dirname(file), from)))));
  assert.deepEqual(sources.filter((file) => !read(file).startsWith("/**")), [], "no opening comment");
  assert.deepEqual(sources.filter((file) => file !== "src/main.ts" && !used.has(file)), [], "imported by nobody");
});

const examples = globSync("examples/*.yaml", { cwd: root }).sort();

test("the examples are there", () => {
  assert.deepEqual(examples.map((file) => file.replace("examples/", "")), ["archive.yaml", "cluster.yaml", "lan-macvlan.yaml", "minimal.yaml", "recovery-conf.yaml", "synchronous.yaml"]);
});

for (const file of examples) {
  test(`${file} is a sound resource`, () => {
    const given = load(read(file)) as { readonly metadata: object };
    const parsed = parse({ ...given, metadata: { namespace: "default", uid: "u", resourceVersion: "1", generation: 1, ...given.metadata } });
    const { namespace, name, uid } = parsed.resource.metadata;
    assert.deepEqual(desire(parsed, { installation: "i", namespace, name, uid }).problems, []);
  });
}

test("the project names no machine's folders and no package host", () => {
  const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).split("\n").filter((file) => file !== "" && file !== "package-lock.json");
  const found = files.filter((file) => /(^|[\s"'`(=])\/(root|home\/[a-z]+)\/[a-z]|https?:\/\/[\w.-]*(npmjs|debian)\.\w/m.test(read(file)));
  assert.deepEqual(found, []);
});
