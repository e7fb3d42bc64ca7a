/** A PostgresReplicaSet as the operator works with it: typed, defaulted, and known to be sound. */
import { applyDefaults } from "../schema/defaults.ts";
import { validate } from "../schema/validate.ts";
import type { Infer, Json, Problem } from "../schema/types.ts";
import { networkRules, specRules, type Check } from "./rules.ts";
import { schema, type spec as specSchema, type status as statusSchema } from "./schema.ts";

export const group = "pgrs.dev";
export const version = "v1alpha1";
export const kind = "PostgresReplicaSet";
export const plural = "postgresreplicasets";

export interface Key { readonly namespace: string; readonly name: string }

export type Spec = Infer<typeof specSchema>;
export type Status = Infer<typeof statusSchema>;

export interface Metadata extends Key {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly finalizers?: readonly string[];
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly status: Status;
}

/** A resource and all that is wrong with its spec; with problems the spec must not be acted on. */
export interface Parsed { readonly resource: Resource; readonly problems: readonly Problem[] }

const broken = <T>(checks: readonly Check<T>[], value: T, path: string): readonly Problem[] =>
  checks.filter(({ holds }) => !holds(value)).map(({ message, field }) => ({ field: `${path}${field ?? ""}`, reason: "FieldValueInvalid" as const, message }));

/** The checks of rules.ts on a spec of the right types. */
export const specProblems = (spec: Spec): readonly Problem[] => [
  ...broken(specRules, spec, "spec"),
  ...spec.networks.flatMap((network, index) => broken(networkRules, network, `spec.networks[${index}]`)),
];

/**
 * What is left of a spec whose types are wrong: enough to report it, and to clear up after it when it is deleted.
 * Nothing is ever made from it, since its problems stop the plan.
 */
const salvaged = (spec: Json | undefined): Spec => {
  const policy = (spec as { readonly deletionPolicy?: unknown } | undefined)?.deletionPolicy === "Delete" ? "Delete" : "Retain";
  return applyDefaults(schema.properties.spec, { deletionPolicy: policy, postgres: { version: "18" } }) as unknown as Spec;
};

/** Reads an object as the API server gave it. Throws a TypeError when it is no PostgresReplicaSet at all. */
export const parse = (object: unknown): Parsed => {
  const given = object as { apiVersion?: string; kind?: string; metadata?: Metadata; spec?: Json; status?: Status };
  if (given.kind !== kind || given.metadata === undefined) throw new TypeError(`this is not a ${kind}`);
  const { spec, problems } = specIn(given.spec ?? {});
  return { resource: { ...given as Resource, spec, status: given.status ?? {} }, problems };
};

interface Judged { readonly spec: Spec; readonly problems: readonly Problem[] }

const judged = new WeakMap<object, Judged>();

/** A spec with its defaults, and all that is wrong with it. Nobody changes one in place, so each is judged once. */
function specIn(given: Json): Judged {
  const known = typeof given === "object" && given !== null ? judged.get(given) : undefined;
  if (known !== undefined) return known;
  const whole = applyDefaults(schema.properties.spec, given) as unknown as Spec;
  const problems = validate(schema.properties.spec, whole, "spec");
  const found = problems.length > 0 ? { spec: salvaged(given), problems } : { spec: whole, problems: specProblems(whole) };
  if (typeof given === "object" && given !== null) judged.set(given, found);
  return found;
}

export const keyOf = ({ metadata: { namespace, name } }: { readonly metadata: Key }): Key => ({ namespace, name });
