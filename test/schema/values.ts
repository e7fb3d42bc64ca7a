/** Arbitrary schemas and values for the property tests of this folder. */
import fc from "fast-check";
import type { Json, Schema } from "../../src/schema/types.ts";

const names = fc.constantFrom("a", "b", "c", "constructor", "__proto__", "toString");

/** Any JSON, with property names that meet those of the schemas often enough to matter. */
export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true },
    fc.constant(null), fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(names, tie("value")), { maxLength: 5 }).map((entries) => Object.fromEntries(entries))),
})).value;

const leaf: fc.Arbitrary<Schema> = fc.oneof(
  fc.record({ type: fc.constant("string" as const), maxLength: fc.nat(5), pattern: fc.constantFrom("^a", "(", "[[:alpha:]]+"), default: fc.constantFrom("a", "x") }, { requiredKeys: ["type"] }),
  fc.record({ type: fc.constant("integer" as const), minimum: fc.integer(), maximum: fc.integer(), multipleOf: fc.constantFrom(2, 0.1), default: fc.integer() }, { requiredKeys: ["type"] }),
  fc.record({ type: fc.constant("boolean" as const), nullable: fc.boolean(), default: fc.boolean() }, { requiredKeys: ["type"] }),
  fc.constant<Schema>({ "x-kubernetes-int-or-string": true }),
  fc.constant<Schema>({ type: "object", "x-kubernetes-preserve-unknown-fields": true }),
  fc.record({ type: fc.constant("string" as const), enum: fc.array(anyJson, { minLength: 1, maxLength: 3 }) }),
);

/** Any structural schema, without a promise that its defaults validate. */
export const anySchema: fc.Arbitrary<Schema> = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof({ maxDepth: 4 },
    leaf,
    fc.record({
      type: fc.constant("array" as const), items: tie("schema"), maxItems: fc.nat(4), minItems: fc.nat(2), nullable: fc.boolean(),
      "x-kubernetes-list-type": fc.constantFrom("set" as const, "map" as const, "atomic" as const), "x-kubernetes-list-map-keys": fc.constant(["a"]),
    }, { requiredKeys: ["type", "items"] }),
    fc.record({
      type: fc.constant("object" as const),
      properties: fc.array(fc.tuple(names, tie("schema")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
      required: fc.array(names, { maxLength: 2 }), nullable: fc.boolean(), maxProperties: fc.nat(4),
      default: fc.constant({}), "x-kubernetes-preserve-unknown-fields": fc.boolean(),
      oneOf: fc.array(leaf, { maxLength: 2 }), anyOf: fc.array(leaf, { maxLength: 2 }),
    }, { requiredKeys: ["type", "properties"] }),
    fc.record({ type: fc.constant("object" as const), additionalProperties: fc.oneof(tie("schema"), fc.boolean()) }),
  ),
})).schema;
