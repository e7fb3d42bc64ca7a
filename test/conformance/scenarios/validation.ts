/** What schemas and rules refuse, default and prune; and what definitions themselves may say. */
import { definition, definitions, merge, root, widget, type Names } from "./widget.ts";
import type { Json } from "../../../src/schema/types.ts";
import type { Scenario } from "../scenario.ts";

const refusedSpecs: readonly Json[] = [
  { replicas: 10 }, { replicas: -1 }, { replicas: "two" }, { replicas: 1.5 }, { color: "blue" }, { color: 3 }, { note: "x".repeat(21) }, { word: "A" }, { word: "" },
  { ratio: 0 }, { ratio: 0.7 }, { size: true }, { size: [] }, { storage: "big" }, { users: [{ age: 1 }] }, { users: [{ name: "a" }, { name: "a" }] },
  { users: Array.from({ length: 6 }, (_, at) => ({ name: `u${at}` })) }, { users: {} }, { tags: ["a", "a"] }, { tags: [1] },
  { labels: { a: "1", b: "2", c: "3", d: "4", e: "5" } }, { labels: { a: 1 } }, { when: "soon" }, { addresses: ["1", "2", "3", "4", "5", "6", "7", "8", "9"] },
  { replicas: 10, color: "blue", users: [{ name: "much-too-long-a-name" }] }, "text", [], { word: "way-too-LONG-and-wrong" },
];

const brokenRules: readonly Json[] = [
  { least: 5 }, { subnet: "10.0.0.0/24", addresses: ["10.0.1.1"] }, { subnet: "nonsense", addresses: ["10.0.0.1"] }, { users: [{ name: "old", age: 200 }] },
  { least: 5, subnet: "10.0.0.0/24", addresses: ["x"] }, { least: 5, replicas: 20 },
];

const schemaOf = (spec: Json): readonly Json[] =>
  [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties: { spec } } } }];
const names = (plural: string): Names => ({ plural, kind: `${plural.slice(0, 1).toUpperCase()}${plural.slice(1, -1)}` });

const brokenDefinitions: readonly (readonly [name: string, definition: Json])[] = [
  ["a property without a type", definition(names("untypeds"), schemaOf({ type: "object", properties: { a: {} } }))],
  ["a name that is not plural and group", { ...definition(names("misnameds"), schemaOf({ type: "object" })), metadata: { name: "other.conformance.example.com" } }],
  ["a default that is not valid", definition(names("misdefaults"), schemaOf({ type: "object", properties: { a: { type: "integer", default: "x" } } }))],
  ["no storage version", definition(names("nowheres"), [{ name: "v1", served: true, storage: false, schema: { openAPIV3Schema: { type: "object" } } }])],
  ["two storage versions", definition(names("doubles"), ["v1", "v2"].map((name) => ({ name, served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } })))],
  ["no schema", definition(names("schemalesses"), [{ name: "v1", served: true, storage: true }])],
  ["no versions", definition(names("versionlesses"), [])],
  ["a list map without keys", definition(names("keylesses"), schemaOf({ type: "object", properties: { l: { type: "array", "x-kubernetes-list-type": "map", items: { type: "object", properties: { a: { type: "string" } } } } } }))],
  ["a list map whose key is optional", definition(names("halfkeys"), schemaOf({ type: "object", properties: { l: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"], items: { type: "object", properties: { a: { type: "string" } } } } } }))],
  ["properties and additional properties", definition(names("boths"), schemaOf({ type: "object", properties: { a: { type: "string" } }, additionalProperties: { type: "string" } }))],
  ["a bad scope", definition(names("unscopeds"), schemaOf({ type: "object" }), "Somewhere")],
  ["an unknown column type", definition(names("columneds"), [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } }, additionalPrinterColumns: [{ name: "A", type: "thing", jsonPath: ".a" }] }])],
];

const brokenExpressions: readonly Json[] = [
  { rule: "self.nope == 1" }, { rule: "has(self.nope)" }, { rule: "self.a ==" }, { rule: "self.a" }, { rule: "self.a == 'x'" }, { rule: " " }, { rule: "true", messageExpression: "self.a" },
  { rule: "true", fieldPath: ".zzz" }, { rule: "true", message: "a\nb" }, { rule: "true", reason: "Zzz" }, { rule: "true", optionalOldSelf: true }, { rule: "nosuch(self.a)" },
];

export const validation: readonly Scenario[] = [
  {
    name: "defaults, nulls and pruning", needs: "custom",
    steps: [
      { send: `POST ${root}`, body: widget("filled", { note: null, storage: { kind: "k" }, open: { any: [1, { b: null }], x: null }, size: "10%", labels: {} }) },
      { send: `PATCH ${root}/filled`, contentType: merge, body: { spec: { replicas: null, storage: null, note: "x" } }, look: ".spec" },
      { send: `POST ${root}`, body: widget("filled-null", { replicas: null, word: null, storage: null, users: null }), look: ".spec" },
      { send: `POST ${root}`, body: widget("filled-empty"), look: ".spec" }, { send: `POST ${root}`, body: { ...widget("specless"), spec: null } },
      { send: `POST ${root}`, body: { apiVersion: "conformance.example.com/v1", kind: "Widget", metadata: { name: "specless" } } },
      { send: `POST ${root}`, body: { ...widget("extra"), extra: 1, metadata: { name: "extra", namespace: "default", nonsense: 1 } } },
      ...["filled", "filled-null", "filled-empty", "extra"].map((name) => ({ send: `DELETE ${root}/${name}`, quiet: true })),
    ],
  },
  { name: "schemas refuse", needs: "custom", steps: refusedSpecs.map((spec) => ({ send: `POST ${root}`, body: widget("refused", spec) })) },
  { name: "rules refuse", needs: "custom", steps: brokenRules.map((spec) => ({ send: `POST ${root}`, body: widget("refused", spec) })) },
  {
    name: "refusals as kubectl shows them", needs: "custom",
    steps: [
      { run: "apply -f -", input: widget("shown", { replicas: 10, color: "blue" }) }, { run: "apply -f -", input: widget("shown", { replicas: 1, least: 2 }) },
      { run: "create -f -", input: widget("shown", { users: [{ name: "old", age: 200 }] }) },
    ],
  },
  {
    name: "transition rules", needs: "custom",
    steps: [
      { send: `POST ${root}`, body: widget("fixed", { fixed: "a" }), look: ".code" }, { send: `PATCH ${root}/fixed`, contentType: merge, body: { spec: { fixed: "b" } } },
      { send: `PATCH ${root}/fixed`, contentType: merge, body: { spec: { fixed: null } } }, { send: `PATCH ${root}/fixed`, contentType: merge, body: { spec: { replicas: 3 } }, look: ".spec.replicas" },
      { send: `DELETE ${root}/fixed`, quiet: true },
    ],
  },
  {
    name: "definitions that are refused", needs: "custom",
    steps: brokenDefinitions.map(([, body]) => ({ send: `POST ${definitions}`, body })),
  },
  {
    name: "rules that do not compile", needs: "custom",
    steps: brokenExpressions.map((rule) => ({ send: `POST ${definitions}`, body: definition(names("unruleds"), schemaOf({ type: "object", properties: { a: { type: "integer" } }, "x-kubernetes-validations": [rule] })), look: ".details.causes[*].field" })),
  },
  {
    name: "the life of a definition", needs: "custom",
    steps: [
      { run: "create -f -", input: definition({ plural: "gadgets", kind: "Gadget" }, schemaOf({ type: "object", properties: { a: { type: "integer" } } })) },
      { run: "wait crd/gadgets.conformance.example.com --for=condition=Established --timeout=20s" }, { run: "get crd gadgets.conformance.example.com" },
      { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".spec" }, { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".status.acceptedNames" },
      { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".status.storedVersions" }, { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".status.conditions" },
      { eventually: "/apis/conformance.example.com/v1/namespaces/default/gadgets", look: ".kind", is: "GadgetList" },
      { run: "create -f -", input: { apiVersion: "conformance.example.com/v1", kind: "Gadget", metadata: { name: "one" }, spec: { a: 1 } } }, { run: "get gadgets" },
      { run: "patch crd gadgets.conformance.example.com --type=json -p '[{\"op\":\"add\",\"path\":\"/spec/versions/0/additionalPrinterColumns\",\"value\":[{\"name\":\"A\",\"type\":\"integer\",\"jsonPath\":\".spec.a\"}]}]'" },
      { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".metadata.generation" },
      { send: `PATCH ${definitions}/gadgets.conformance.example.com`, contentType: merge, body: { spec: { group: "other.example.com" } }, look: ".code" },
      { send: `POST ${definitions}`, body: definition({ plural: "gadgetoids", kind: "Gadget" }, schemaOf({ type: "object" })), look: ".kind" },
      { eventually: `${definitions}/gadgetoids.conformance.example.com`, look: ".status.conditions[?(@.type==\"NamesAccepted\")].status", is: "False" },
      { send: `GET ${definitions}/gadgetoids.conformance.example.com`, look: ".status.conditions" }, { send: `DELETE ${definitions}/gadgetoids.conformance.example.com`, quiet: true },
      { send: "PATCH /apis/conformance.example.com/v1/namespaces/default/gadgets/one", contentType: merge, body: { metadata: { finalizers: ["conformance.example.com/hold"] } }, quiet: true },
      { run: "delete crd gadgets.conformance.example.com --wait=false" },
      { eventually: `${definitions}/gadgets.conformance.example.com`, look: ".status.conditions[?(@.type==\"Terminating\")].status", is: "True" },
      { send: `GET ${definitions}/gadgets.conformance.example.com`, look: ".metadata.finalizers" },
      { send: "PATCH /apis/conformance.example.com/v1/namespaces/default/gadgets/one", contentType: merge, body: { metadata: { finalizers: null } }, look: ".code" },
      { eventually: `${definitions}/gadgets.conformance.example.com`, look: ".code", is: 404 },
    ],
  },
  {
    name: "two versions of one kind", needs: "custom",
    steps: [
      {
        run: "create -f -", quiet: true,
        input: definition({ plural: "twofolds", kind: "Twofold" }, [
          { name: "v1alpha1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { a: { type: "integer" } } } } } } },
          { name: "v1beta1", served: true, storage: false, schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { a: { type: "integer" }, b: { type: "integer", default: 7 } } } } } } },
        ]),
      },
      { run: "wait crd/twofolds.conformance.example.com --for=condition=Established --timeout=20s", quiet: true },
      { eventually: "/apis/conformance.example.com/v1beta1/namespaces/default/twofolds", look: ".kind", is: "TwofoldList" },
      { run: "create -f -", input: { apiVersion: "conformance.example.com/v1alpha1", kind: "Twofold", metadata: { name: "two" }, spec: { a: 1 } } },
      { send: "GET /apis/conformance.example.com/v1beta1/namespaces/default/twofolds/two" }, { send: "GET /apis/conformance.example.com/v1alpha1/namespaces/default/twofolds/two", look: ".apiVersion" },
      { send: "PATCH /apis/conformance.example.com/v1beta1/namespaces/default/twofolds/two", contentType: merge, body: { spec: { a: 2 } }, look: ".spec" },
      { run: "delete crd twofolds.conformance.example.com" },
    ],
  },
];
