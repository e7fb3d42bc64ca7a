/** Which form of an answer a client prefers, of those that there are. Pure reading of the Accept header. */
import { notAcceptable } from "./problems.ts";

/** The objects themselves, rows to print, or their metadata alone. */
export type Form = "object" | "table" | "metadata";

export interface Representation { readonly form: Form; readonly encoding: "json" | "yaml" }

const offered = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

interface Range { readonly type: string; readonly parameters: ReadonlyMap<string, string>; readonly weight: number }

const rangeOf = (text: string): Range => {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map(rest.map((part) => {
    const equals = part.indexOf("=");
    return [part.slice(0, Math.max(equals, 0)).toLowerCase(), part.slice(equals + 1)] as const;
  }));
  const weight = Number(parameters.get("q") ?? 1);
  return { type: type.toLowerCase(), parameters, weight: Number.isFinite(weight) ? weight : 0 };
};

const encodings: Readonly<Record<string, Representation["encoding"]>> = {
  "application/json": "json", "application/*": "json", "*/*": "json", "application/yaml": "yaml",
};

const formOf = (parameters: ReadonlyMap<string, string>): Form | undefined => {
  const as = parameters.get("as");
  if (as === undefined) return "object";
  if (parameters.get("g") !== "meta.k8s.io" || parameters.get("v") !== "v1") return undefined;
  if (as === "Table") return "table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? "metadata" : undefined;
};

const representationOf = ({ type, parameters }: Range, forms: readonly Form[]): Representation | undefined => {
  const encoding = Object.hasOwn(encodings, type) ? encodings[type] : undefined;
  const form = formOf(parameters);
  return encoding === undefined || form === undefined || !forms.includes(form) ? undefined : { form, encoding };
};

/** The ranges of the header, preferred ones first. */
export const acceptedRanges = (accept: string): readonly Range[] =>
  accept.split(",").map(rangeOf).filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight);

/** The first form that the client asks for and that there is; a client that takes nothing of it is refused. */
export const negotiate = (accept: string | undefined, forms: readonly Form[]): Representation => {
  if (accept === undefined || accept.trim() === "") return { form: "object", encoding: "json" };
  for (const range of acceptedRanges(accept)) {
    const found = representationOf(range, forms);
    if (found !== undefined) return found;
  }
  throw notAcceptable(offered);
};
