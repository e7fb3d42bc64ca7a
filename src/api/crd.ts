/** The CustomResourceDefinition, built from the one schema. */
import { group, kind, plural, version } from "./resource.ts";
import { schema } from "./schema.ts";

const condition = (type: string, field: "status" | "reason"): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const columns = [
  { name: "Desired", type: "integer", jsonPath: ".spec.replicas", description: "Members wanted." },
  { name: "Ready", type: "integer", jsonPath: ".status.readyReplicas", description: "Members that run as specified." },
  { name: "Primary", type: "integer", jsonPath: ".status.primary.ordinal", description: "The member that accepts writes." },
  { name: "Sync", type: "string", jsonPath: ".status.syncSummary", description: "Standbys that count for durability." },
  { name: "Lag", type: "string", jsonPath: ".status.lagSummary", description: "The greatest replay lag." },
  { name: "PG", type: "string", jsonPath: ".spec.postgres.version", description: "PostgreSQL's major version." },
  { name: "Status", type: "string", jsonPath: condition("Ready", "reason"), description: "The reason of the condition Ready." },
  { name: "Timeline", type: "integer", jsonPath: ".status.timeline", priority: 1 },
  { name: "Epoch", type: "integer", jsonPath: ".status.primary.epoch", priority: 1 },
  { name: "Address", type: "string", jsonPath: ".status.primary.address", priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
] as const;

export const crd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group, scope: "Namespaced",
    names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: ["pgrs"], categories: ["all"] },
    versions: [{
      name: version, served: true, storage: true,
      additionalPrinterColumns: columns,
      subresources: {
        status: {},
        scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.selector" },
      },
      schema: { openAPIV3Schema: schema },
    }],
  },
} as const;
