/**
 * The schema of CustomResourceDefinition itself. The schemas inside it nest without bound, so they are left open
 * here; whoever admits a definition checks them.
 */
import { anything, flag, listBy, listOf, record, setOf, strings, text, time, whole } from "./schema-words.ts";

const names = record("What the kind is called.", {
  plural: text("Plural, in lower case: the resource in paths."),
  singular: text("Singular, in lower case; made from the kind when left out."),
  kind: text("The kind, in CamelCase."),
  listKind: text("Kind of a list; made from the kind when left out."),
  shortNames: strings("Short forms for the command line."),
  categories: strings("Groups such as all that the kind is part of."),
}, ["plural", "kind"]);

const column = record("A column of kubectl get.", {
  name: text("Heading."),
  type: text("integer, number, boolean, string or date."),
  format: text("An OpenAPI format for the type."),
  description: text("What the column shows."),
  priority: whole("0 is always shown, others with -o wide."),
  jsonPath: text("Where the value is found in the object."),
}, ["name", "type", "jsonPath"]);

const scale = record("The numbers that kubectl scale works on.", {
  specReplicasPath: text("Where the wanted number is."),
  statusReplicasPath: text("Where the observed number is."),
  labelSelectorPath: text("Where the selector of the parts is, as text."),
}, ["specReplicasPath", "statusReplicasPath"]);

const version = record("One version of the kind.", {
  name: text("Name of the version, like v1 or v1alpha1."),
  served: flag("Whether it is served."),
  storage: flag("True for the one version that objects are stored in."),
  deprecated: flag("Whether its use gets a warning."),
  deprecationWarning: text("The warning, when the usual one does not do."),
  schema: record("How objects of this version are checked.", {
    openAPIV3Schema: anything("An OpenAPI v3 schema: structural, with defaults and validation rules."),
  }),
  subresources: record("Parts with paths of their own.", {
    status: anything("When present, status is written on its own."),
    scale,
  }),
  additionalPrinterColumns: listOf("Columns of kubectl get.", column),
  selectableFields: listOf("Fields that a field selector may name.", record("A field.", { jsonPath: text("Where it is.") }, ["jsonPath"])),
}, ["name", "served", "storage"]);

const condition = record("One observed aspect of the definition.", {
  type: text("NamesAccepted, Established or Terminating."),
  status: text("True, False or Unknown."),
  reason: text("One word that says why."),
  message: text("A sentence that says why."),
  observedGeneration: whole("The generation that this was observed of.", "int64"),
  lastTransitionTime: time("When status changed last."),
}, ["type", "status"]);

export const customResourceDefinitionSchema = record("Adds a kind to what the server serves.", {
  spec: record("The kind and its versions.", {
    group: text("API group of the kind."),
    names,
    scope: text("Namespaced or Cluster."),
    versions: listOf("The versions, in any order.", version),
    conversion: record("How objects get from one version to another.", {
      strategy: text("None changes only apiVersion; Webhook asks a program."),
      webhook: anything("The program to ask."),
    }, ["strategy"]),
    preserveUnknownFields: flag("Must be false."),
  }, ["group", "names", "scope", "versions"]),
  status: record("What was observed.", {
    conditions: listBy(["type"], "What was observed, one entry a type.", condition),
    acceptedNames: names,
    storedVersions: setOf("Versions in which objects may have been stored.", { type: "string" }),
    observedGeneration: whole("The generation that was acted on.", "int64"),
  }),
}, ["spec"]);
