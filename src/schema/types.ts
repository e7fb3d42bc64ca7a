/**
 * The structural schemas of Kubernetes (OpenAPI v3 as CustomResourceDefinitions use it), as TypeScript values.
 * One value gives the type, the CRD, the defaults and the error messages. Nothing here knows a kind.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export interface JsonObject { readonly [key: string]: Json }

/** A rule of `x-kubernetes-validations`. Source: Kubernetes documentation, "CustomResourceDefinition validation rules". */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: "FieldValueInvalid" | "FieldValueForbidden" | "FieldValueRequired" | "FieldValueDuplicate";
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** A structural schema node: `apiextensions.k8s.io/v1` JSONSchemaProps, less what structural schemas forbid. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly title?: string;
  readonly format?: string;
  readonly default?: Json;
  readonly nullable?: boolean;
  readonly enum?: readonly Json[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly example?: Json;
  readonly externalDocs?: { readonly description?: string; readonly url?: string };
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-validations"?: readonly Rule[];
}

type Flatten<T> = { [K in keyof T]: T[K] } & {};

type Present<P, R> = { readonly [K in keyof P as K extends R ? K : P[K] extends { default: Json } ? K : never]: Infer<P[K]> };
type Maybe<P, R> = { readonly [K in keyof P as K extends R ? never : P[K] extends { default: Json } ? never : K]?: Infer<P[K]> };
type RequiredOf<S> = S extends { required: readonly (infer R)[] } ? R : never;

/** The type of a value that was defaulted and validated by the schema: required and defaulted properties are there. */
export type Infer<S> =
  S extends { enum: readonly (infer E)[] } ? E
  : S extends { "x-kubernetes-int-or-string": true } ? number | string
  : S extends { type: "string" } ? string
  : S extends { type: "integer" | "number" } ? number
  : S extends { type: "boolean" } ? boolean
  : S extends { type: "array"; items: infer I } ? readonly Infer<I>[]
  : S extends { type: "object"; properties: infer P } ? Flatten<Present<P, RequiredOf<S>> & Maybe<P, RequiredOf<S>>>
  : S extends { type: "object"; additionalProperties: infer A } ? { readonly [key: string]: A extends boolean ? Json : Infer<A> }
  : S extends { type: "object" } ? JsonObject
  : Json;

/** One thing wrong with a value, in the words and reasons of a Kubernetes Status cause. */
export interface Problem {
  /** Path as Kubernetes prints it: `spec.networks[0].subnet`. Empty for the value itself. */
  readonly field: string;
  readonly reason: "FieldValueRequired" | "FieldValueInvalid" | "FieldValueNotSupported" | "FieldValueDuplicate"
    | "FieldValueForbidden" | "FieldValueTooLong" | "FieldValueTooMany" | "FieldValueTypeInvalid";
  readonly message: string;
}
