/**
 * The validation rules of schemas (`x-kubernetes-validations`), in the Common Expression Language.
 */
import type { Json, Problem, Schema } from "../schema/types.ts";

export interface RuleCheck {
  readonly schema: Schema;
  readonly value: Json;
  /** The value that is stored; absent on create. */
  readonly old?: Json;
  /** Where the value is, as Kubernetes prints paths; empty for the object itself. */
  readonly path?: string;
}

/** What the rules of the schema, at every node, object to. */
export const celProblems = (_check: RuleCheck): readonly Problem[] => [];

/** The rules of the schema that do not compile. */
export const compileProblems = (_schema: Schema): readonly Problem[] => [];
