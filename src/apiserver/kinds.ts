/**
 * The built-in kinds, as data: what an operator and kubectl touch besides custom resources. A kind that is not
 * here is not served; nothing here knows how it is stored or what a write to it sets off.
 */
import { customResourceDefinitionSchema } from "./crd-schema.ts";
import {
  bindingColumns, configMapColumns, eventColumns, leaseColumns, namespaceColumns, plainColumns, secretColumns,
  serviceAccountColumns, serviceColumns,
} from "./kind-columns.ts";
import {
  bindingSchema, clusterRoleSchema, configMapSchema, eventSchema, eventsV1Schema, leaseSchema, namespaceSchema, roleSchema,
  secretSchema, selfSubjectAccessReviewSchema, selfSubjectReviewSchema, selfSubjectRulesReviewSchema, serviceAccountSchema,
  serviceSchema,
} from "./kind-schemas.ts";
import { eventInEventsGroup } from "./event-faces.ts";
import type { Column, Kind } from "./kind.ts";
import type { Schema } from "../schema/types.ts";

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

type Given = Pick<Kind, "group" | "version" | "kind" | "plural"> & Partial<Kind>;

/** Every kind merges these two lists; others are named by the kind. */
const metadataMergeKeys = { "metadata.ownerReferences": "uid", "metadata.finalizers": "" };

const stored = (given: Given, columns: readonly Column[], schema: Schema): Kind => ({
  listKind: `${given.kind}List`, singular: given.kind.toLowerCase(), shortNames: [], categories: [], namespaced: true, verbs,
  status: false, custom: false, selectableFields: [], columns, schema, ...given,
  mergeKeys: { ...metadataMergeKeys, ...given.mergeKeys },
});

/** A kind that answers a question and keeps nothing. */
const review = (given: Given, schema: Schema): Kind =>
  stored({ namespaced: false, verbs: ["create"], ...given }, plainColumns, schema);

const core = { group: "", version: "v1" };
const rbac = { group: "rbac.authorization.k8s.io", version: "v1" };
const authorization = { group: "authorization.k8s.io", version: "v1" };

const eventFields = ["reason", "reportingComponent", "source", "type"];
const objectFields = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];

const coreKinds: readonly Kind[] = [
  stored({
    ...core, kind: "Namespace", plural: "namespaces", shortNames: ["ns"], namespaced: false, status: true,
    verbs: verbs.filter((verb) => verb !== "deletecollection"), selectableFields: ["status.phase"],
    mergeKeys: { "status.conditions": "type" },
    otherSubresources: [{ name: "finalize", responseKind: { ...core, kind: "Namespace" }, verbs: ["update"] }],
  }, namespaceColumns, namespaceSchema),
  stored({ ...core, kind: "ConfigMap", plural: "configmaps", shortNames: ["cm"] }, configMapColumns, configMapSchema),
  stored({ ...core, kind: "Secret", plural: "secrets", selectableFields: ["type"] }, secretColumns, secretSchema),
  stored({
    ...core, kind: "ServiceAccount", plural: "serviceaccounts", shortNames: ["sa"], mergeKeys: { secrets: "name" },
    otherSubresources: [{
      name: "token", responseKind: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" }, verbs: ["create"],
    }],
  }, serviceAccountColumns, serviceAccountSchema),
  stored({
    ...core, kind: "Service", plural: "services", shortNames: ["svc"], categories: ["all"], status: true,
    mergeKeys: { "spec.ports": "port", "status.conditions": "type" }, selectableFields: ["spec.clusterIP", "spec.type"],
  }, serviceColumns, serviceSchema),
  stored({
    ...core, kind: "Event", plural: "events", shortNames: ["ev"],
    selectableFields: [...eventFields, ...objectFields.map((field) => `involvedObject.${field}`)],
  }, eventColumns, eventSchema),
];

const rbacKinds: readonly Kind[] = [
  stored({ ...rbac, kind: "Role", plural: "roles" }, plainColumns, roleSchema),
  stored({ ...rbac, kind: "RoleBinding", plural: "rolebindings" }, bindingColumns, bindingSchema),
  stored({ ...rbac, kind: "ClusterRole", plural: "clusterroles", namespaced: false }, plainColumns, clusterRoleSchema),
  stored({ ...rbac, kind: "ClusterRoleBinding", plural: "clusterrolebindings", namespaced: false }, bindingColumns, bindingSchema),
];

/** Events are stored once, in their core form, and shown under both groups. */
const eventsKind = stored({
  group: "events.k8s.io", version: "v1", kind: "Event", plural: "events", shortNames: ["ev"],
  selectableFields: ["reason", "reportingController", "type", ...objectFields.map((field) => `regarding.${field}`)],
}, eventColumns.map((column) => ({
  ...column, ...(column.cell === undefined ? {} : { cell: eventInEventsGroup(column.cell) }),
})), eventsV1Schema);

/** All built-in kinds, in no particular order. */
export const builtinKinds: readonly Kind[] = [
  ...coreKinds,
  eventsKind,
  stored({ group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases" }, leaseColumns, leaseSchema),
  stored({
    group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition", plural: "customresourcedefinitions",
    shortNames: ["crd", "crds"], categories: ["api-extensions"], namespaced: false, status: true,
  }, plainColumns, customResourceDefinitionSchema),
  ...rbacKinds,
  review({ ...authorization, kind: "SelfSubjectAccessReview", plural: "selfsubjectaccessreviews" }, selfSubjectAccessReviewSchema),
  review({ ...authorization, kind: "SelfSubjectRulesReview", plural: "selfsubjectrulesreviews" }, selfSubjectRulesReviewSchema),
  review({ group: "authentication.k8s.io", version: "v1", kind: "SelfSubjectReview", plural: "selfsubjectreviews" }, selfSubjectReviewSchema),
];
