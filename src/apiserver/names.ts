/** The forms that names, label keys and values must have, and the sentences that say so. Pure text. */

/** Undefined when the text is fine, else what is wrong with it. */
export type NameRule = (text: string) => string | undefined;

const rule = (pattern: RegExp, max: number, sentence: string): NameRule => (text) =>
  text.length > max ? `must be no more than ${max} characters` : pattern.test(text) ? undefined : sentence;

const subdomainText = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/** The names of most things. */
export const subdomain = rule(new RegExp(`^${subdomainText}$`), 253,
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomainText}')`);

/** The names of namespaces. */
export const dnsLabel = rule(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");

/** The names of services, and of kinds in definitions. */
export const dns1035Label = rule(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, 63,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')");

/** Roles and their bindings may be called anything that fits into a path. */
export const pathSegment: NameRule = (text) => {
  if (text === "." || text === "..") return `may not be '${text}'`;
  const wrong = ["/", "%"].find((character) => text.includes(character));
  return wrong === undefined ? undefined : `may not contain '${wrong}'`;
};

const namePart = rule(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/, 63,
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')");

/** Keys of labels and annotations, names of finalizers: `name` or `domain/name`. */
export const qualifiedName: NameRule = (text) => {
  const slash = text.indexOf("/");
  if (slash === -1) return text === "" ? "name part must be non-empty" : namePart(text);
  const prefix = text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (prefix === "") return "prefix part must be non-empty";
  const wrong = subdomain(prefix);
  if (wrong !== undefined) return `prefix part ${wrong}`;
  return name === "" ? "name part must be non-empty" : namePart(name);
};

/** Values of labels. */
export const labelValue = rule(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, 63,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");

/** Keys of ConfigMap and Secret data. */
export const dataKey = rule(/^[-._a-zA-Z0-9]+$/, 253,
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
