/**
 * Where the embedded control plane answers otherwise than a real server, and why that is right or does not matter.
 * Each row is reviewed; what a row does not name must be the same, and a row that no answer needs any more fails the
 * suite. The goldens of custom resources come from Kubernetes 1.36, those of built-in kinds from 1.20.
 */
export interface Difference {
  readonly scenario: string;
  /** The step, as goldens name it. */
  readonly step: string;
  /** Where in the step's result answers may differ: the beginnings of paths. Left out: anywhere. */
  readonly at?: readonly string[];
  readonly because: string;
}

/** Words of real servers that are put otherwise here, wherever they appear. */
export interface Rewording { readonly real: string; readonly embedded: string; readonly because: string }

export const rewordings: readonly Rewording[] = [
  {
    real: "spec.validation.openAPIV3Schema", embedded: "spec.versions[0].schema.openAPIV3Schema",
    because: "a real server names a field of its internal form; ours names the field that the author wrote",
  },
  {
    real: "spec.additionalPrinterColumns[0]", embedded: "spec.versions[0].additionalPrinterColumns[0]",
    because: "a real server names a field of its internal form; ours names the field that the author wrote",
  },
];

const root = "/apis/conformance.example.com/v1/namespaces/default/widgets";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const invalidBody = [".body.details.causes", ".body.message"];

/** Several steps of one scenario that differ for the same reason. */
const rows = (scenario: string, steps: readonly string[], at: readonly string[], because: string): readonly Difference[] =>
  steps.map((step) => ({ scenario, step, at, because }));

const wording: readonly Difference[] = [
  { scenario: "forms of get", step: "kubectl get widgets -l 'app==='", at: [".err"], because: "the same refusal, in other words about where the selector is wrong" },
  { scenario: "forms of get", step: "kubectl explain widget.metadata.labels", at: [".out"], because: "our own description of metadata" },
  { scenario: "tables", step: `GET ${root}/tabular?includeObject=Nonsense`, at: [".body.message"], because: "the same refusal in other words" },
  ...rows("rules refuse", [`POST ${root} #3`], invalidBody, "the same evaluation error; a real server repeats the sentences of Go's parser"),
];

const unknownFields: readonly Difference[] = [
  { scenario: "client-side apply", step: "kubectl apply -f - --validate=true", at: [".err"], because: "the same refusal of spec.typo; a real server repeats the whole object, ours the patch, and names the object" },
  {
    scenario: "unknown and duplicate fields", step: `PATCH ${root}/strict?fieldValidation=Strict`, at: [".body.details", ".body.message"],
    because: "the same refusal of spec.typo; a real server repeats the whole object, ours the patch, and names the object",
  },
];

const refusals: readonly Difference[] = [
  ...rows("patches", [`PATCH ${root}/patched`, `PATCH ${root}/patched #2`], [".body.details.causes"], "ours also says which operation of the JSON patch could not be applied"),
  { scenario: "replacing", step: `PUT ${root}/replaced #5`, at: [".warnings"], because: "the version is refused by both; a real server adds that it does not know spec of no kind" },
  { scenario: "creating", step: `PUT ${root}`, at: [".code", ".body"], because: "replacing a whole list is refused by both: 405 says that no request of this form works, 400 is about the body" },
  { scenario: "watches", step: `GET ${root}?watch=true&resourceVersion=nonsense`, at: [".code", ".body"], because: "a bad version is the client's fault (400), not the server's (500)" },
  { scenario: "discovery of a custom kind", step: `GET ${root}/a/b/c`, at: [".body"], because: "404 by both; ours as text, as for any path that no kind has" },
  { scenario: "config maps", step: "PATCH /api/v1/namespaces/default/configmaps/cm #8", at: [".code", ".body"], because: "a number as data is refused by both: as a body of the wrong type (400), or after it was patched (422)" },
];

const schemaRefusals: readonly Difference[] = [
  ...rows("schemas refuse", ["#3", "#26", "#27"].map((number) => `POST ${root} ${number}`), invalidBody, "a real server adds that it could not read the scale subresource from the invalid object"),
  ...rows("schemas refuse", [`POST ${root} #4`], invalidBody, "the same refusal of 1.5 as an integer; a real server refuses it three times over, by type, format and scale"),
  ...rows("schemas refuse", [`POST ${root} #10`], invalidBody, "a real server adds that the schema's multipleOf is not positive, which it is: a fault in its library"),
  ...rows("schemas refuse", ["#12", "#13"].map((number) => `POST ${root} ${number}`), invalidBody, "the same refusal; a real server says it once for each type of int-or-string as well"),
  ...rows("definitions that are refused", ["#4", "#5"].map((number) => `POST ${definitions} ${number}`), invalidBody, "ours names the versions; a real server prints its internal form of them, and complains about status as well"),
  ...rows("definitions that are refused", [`POST ${definitions} #7`], invalidBody, "a real server complains about status as well, which the server itself fills in"),
];

const ownership: readonly Difference[] = [
  ...rows("status and scale", [`PATCH ${root}/scaled/status`], [".body.metadata.managedFields[1].time"], "a real server forgets the time of what the scale subresource wrote; ours keeps it"),
  ...rows("status and scale", ["kubectl get widget scaled -o json --show-managed-fields"], [".out.metadata.managedFields[1].time"], "a real server forgets the time of what the scale subresource wrote; ours keeps it"),
  ...rows("from client-side to server-side apply", ["kubectl get widget moved -o json --show-managed-fields"], [".out.metadata.managedFields[0].time"], "a real server leaves the time of an apply that changed nothing out; ours sets it"),
];

const events = "/api/v1/namespaces/default/events";
const eventsGroup = "/apis/events.k8s.io/v1/namespaces/default/events";
const reference = "an object reference is owned as a whole since Kubernetes 1.21; and zero values that Go's types print are left out";
const builtins: readonly Difference[] = [
  ...rows("events", [`POST ${events}`], [".body.metadata.managedFields[0].fieldsV1.f:involvedObject", ".body.eventTime", ".body.reportingComponent", ".body.reportingInstance"], reference),
  ...rows("events", [`GET ${eventsGroup}/told.1`], [".body.metadata.managedFields[0].fieldsV1.f:involvedObject", ".body.eventTime"], reference),
  ...rows("events", [`GET ${events}/told.1`], [".body.rows[0].object.metadata.managedFields[0].fieldsV1.f:involvedObject"], reference),
  ...rows("events", [`POST ${eventsGroup}`], [".body.metadata.managedFields[0].fieldsV1.f:regarding", ".body.deprecated"], reference),
  ...rows("events", [`GET ${events}/told.3`], [".body.metadata.managedFields[0].fieldsV1.f:regarding", ".body.firstTimestamp", ".body.lastTimestamp", ".body.source"], reference),
  ...rows("namespaces", ["POST /api/v1/namespaces"], [".body.metadata.labels", ".body.metadata.managedFields"], "the label with a namespace's name, since Kubernetes 1.21; who owns what the server itself fills in matters to nobody"),
];

const otherVersion = "ours fills in the defaults of the version that is read, a real server those of the stored version alone";
const reading: readonly Difference[] = [
  { scenario: "two versions of one kind", step: "GET /apis/conformance.example.com/v1beta1/namespaces/default/twofolds/two", at: [".body.spec.b"], because: otherVersion },
  { scenario: "two versions of one kind", step: "PATCH /apis/conformance.example.com/v1beta1/namespaces/default/twofolds/two", at: [".body[0].b"], because: otherVersion },
  { scenario: "discovery of a custom kind", step: "GET /apis/conformance.example.com/v1", at: [".body.resources[0].storageVersionHash"], because: "only migrations of stored versions read it" },
  {
    scenario: "watches", step: `GET ${root}?watch=true&labelSelector=w%3Din&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1`,
    at: [".body[1].object.metadata.creationTimestamp", ".body[2]"], because: "bookmarks print a creationTimestamp of null, as those of older servers do; and a watch that ends by its timeout sends a last one",
  },
];

export const differences: readonly Difference[] = [...wording, ...unknownFields, ...refusals, ...schemaRefusals, ...ownership, ...builtins, ...reading];
