/** The named formats of Kubernetes' CEL (`format.dns1123Label().validate(text)`) and what is wrong with a text. */
import { hasFormat } from "../schema/formats.ts";

interface Form { readonly expression: RegExp; readonly maxLength: number; readonly sentence: string }

const label: Form = {
  expression: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, maxLength: 63,
  sentence: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
};
const subdomain: Form = {
  expression: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, maxLength: 253,
  sentence: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
};
const dns1035: Form = {
  expression: /^[a-z]([-a-z0-9]*[a-z0-9])?$/, maxLength: 63,
  sentence: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
};
const labelValue: Form = {
  expression: /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/, maxLength: 63,
  sentence: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
};
const qualifiedName: Form = {
  expression: /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/, maxLength: 317,
  sentence: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
};

/** A name that ends in a dash is a prefix, to which characters are added. */
const prefix = (form: Form, text: string): readonly string[] => problemsOf(form, text.endsWith("-") ? `${text.slice(0, -1)}a` : text);

const problemsOf = ({ expression, maxLength, sentence }: Form, text: string): readonly string[] => [
  ...(text.length > maxLength ? [`must be no more than ${maxLength} characters`] : []),
  ...(expression.test(text) ? [] : [sentence]),
];

const byName: Readonly<Record<string, (text: string) => readonly string[]>> = {
  dns1123Label: (text) => problemsOf(label, text),
  dns1123Subdomain: (text) => problemsOf(subdomain, text),
  dns1035Label: (text) => problemsOf(dns1035, text),
  dns1123LabelPrefix: (text) => prefix(label, text),
  dns1123SubdomainPrefix: (text) => prefix(subdomain, text),
  dns1035LabelPrefix: (text) => prefix(dns1035, text),
  qualifiedName: (text) => problemsOf(qualifiedName, text),
  labelValue: (text) => problemsOf(labelValue, text),
  uri: (text) => (hasFormat("uri", text) ? [] : ["invalid URI"]),
  uuid: (text) => (hasFormat("uuid", text) ? [] : ["does not match the UUID format"]),
  byte: (text) => (hasFormat("byte", text) ? [] : ["invalid base64"]),
  date: (text) => (hasFormat("date", text) ? [] : ["invalid date"]),
  datetime: (text) => (hasFormat("datetime", text) ? [] : ["invalid datetime"]),
};

export const namedFormats: readonly string[] = Object.keys(byName);

/** What is wrong with the text; nothing when it has the format, or the format is unknown. */
export const formatProblems = (format: string, text: string): readonly string[] =>
  (Object.hasOwn(byName, format) ? byName[format]?.(text) ?? [] : []);
