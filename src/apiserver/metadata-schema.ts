/** The schema of `metadata`, the same for every kind: for `kubectl explain`, unknown fields and field ownership. */
import type { Schema } from "../schema/types.ts";
import { anything, atomic, flag, listBy, listOf, record, setOf, stringMap, text, time, whole } from "./schema-words.ts";

const ownerReference = atomic(record("Names an object that this one belongs to; when all owners are gone, so is this object.", {
  apiVersion: text("API version of the owner."),
  kind: text("Kind of the owner."),
  name: text("Name of the owner."),
  uid: text("UID of the owner."),
  controller: flag("True for the one owner that manages this object."),
  blockOwnerDeletion: flag("True when a foreground deletion of the owner waits for this object."),
}, ["apiVersion", "kind", "name", "uid"]));

const managedFieldsEntry = record("The fields that one manager owns, through one way of writing.", {
  manager: text("Who owns the fields."),
  operation: text("How they were written: Apply or Update."),
  apiVersion: text("The version in which the fields are named."),
  time: time("When this entry changed last."),
  fieldsType: text("Always FieldsV1."),
  fieldsV1: anything("The fields, as a tree of f:, k:, v: and dot keys."),
  subresource: text("The subresource through which they were written; empty for the object itself."),
});

/** `metav1.ObjectMeta`. */
export const metadataSchema: Schema = record("Standard metadata of every stored object.", {
  name: text("Unique among objects of this kind in the namespace; it cannot be changed."),
  generateName: text("Prefix from which the server makes a unique name when there is none."),
  namespace: text("The space within which the name is unique; empty for cluster-wide kinds."),
  labels: stringMap("Keys and values to select objects by."),
  annotations: stringMap("Keys and values for tools; nothing selects by them."),
  finalizers: setOf("Who must finish before a deleted object goes away.", { type: "string" }),
  ownerReferences: listBy(["uid"], "The objects that this one belongs to.", ownerReference),
  uid: text("Set by the server: unique for all time."),
  resourceVersion: text("Set by the server: changes with each write. Send it back to be refused when somebody wrote in between."),
  generation: whole("Set by the server: counts changes of what is desired.", "int64"),
  creationTimestamp: time("Set by the server: when the object was stored first."),
  deletionTimestamp: time("Set by the server: when deletion was asked for. The object goes away once finalizers is empty."),
  deletionGracePeriodSeconds: whole("Set by the server: the time left to an object that is being deleted.", "int64"),
  managedFields: listOf("Which manager owns which fields.", managedFieldsEntry),
  selfLink: text("Not used any more."),
});
