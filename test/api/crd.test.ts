/** The CustomResourceDefinition in crds/ is what the schema says, and an API server can take it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crd } from "../../src/api/crd.ts";
import { schema } from "../../src/api/schema.ts";
import { compileProblems } from "../../src/apiserver/cel.ts";
import { crdYaml } from "../../src/crd-yaml.ts";
import type { Schema } from "../../src/schema/types.ts";

test("crds/ is fresh: npm run generate would change nothing", () => {
  assert.equal(readFileSync(new URL("../../crds/postgresreplicasets.pgrs.dev.yaml", import.meta.url), "utf8"), crdYaml());
});

test("every validation rule compiles", () => {
  assert.deepEqual(compileProblems(schema), []);
});

test("it is named as the design says, with status and scale", () => {
  const { names, group, versions: [served] } = crd.spec;
  assert.deepEqual([group, served.name, names.kind, names.plural, names.shortNames], ["pgrs.dev", "v1alpha1", "PostgresReplicaSet", "postgresreplicasets", ["pgrs"]]);
  assert.deepEqual(served.subresources.scale, { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.selector" });
  assert.deepEqual(served.additionalPrinterColumns.filter((column) => !("priority" in column)).map(({ name }) => name), ["Desired", "Ready", "Primary", "Sync", "Lag", "PG", "Status", "Age"]);
});

/** The fields below spec that say nothing about themselves. */
const silent = (node: Schema, path: string): readonly string[] => [
  ...(node.description === undefined ? [path] : []),
  ...Object.entries(node.properties ?? {}).flatMap(([name, inner]) => silent(inner, `${path}.${name}`)),
  ...(node.items?.properties === undefined ? [] : silent(node.items, `${path}[]`)),
];

test("every field of the spec tells kubectl explain what it means", () => {
  assert.deepEqual(silent(schema.properties.spec, "spec"), []);
});
