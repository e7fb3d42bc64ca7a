/**
 * Schemas of the built-in kinds (apiVersion, kind and metadata are the same everywhere and left out): what
 * `kubectl explain` shows, which fields are unknown, and which lists are merged by key. Field names and types
 * are those of Kubernetes' published API.
 */
import type { Schema } from "../schema/types.ts";
import { anything, atomic, flag, listBy, listOf, mapOf, record, stringMap, strings, text, time, whole } from "./schema-words.ts";

const bytes: Schema = { type: "string", format: "byte" };

const reference = (description: string): Schema => atomic(record(description, {
  apiVersion: text("API version of the object."),
  kind: text("Kind of the object."),
  namespace: text("Namespace of the object."),
  name: text("Name of the object."),
  uid: text("UID of the object."),
  resourceVersion: text("The version that is meant, if one is."),
  fieldPath: text("A part of the object, if not all of it is meant."),
}));

const localReference = atomic(record("An object of the same namespace.", { name: text("Name of the object.") }));

const condition = record("One observed aspect of the object.", {
  type: text("What is observed."),
  status: text("True, False or Unknown."),
  reason: text("One word that says why."),
  message: text("A sentence that says why."),
  observedGeneration: whole("The generation that this was observed of.", "int64"),
  lastTransitionTime: time("When status changed last."),
}, ["type", "status"]);
const conditions = listBy(["type"], "What was observed, one entry a type.", condition);

export const namespaceSchema = record("A space within which names are unique. Deleting it deletes what is in it.", {
  spec: record("How the namespace behaves.", { finalizers: strings("Who must finish before the namespace goes away.") }),
  status: record("The namespace's state.", { phase: text("Active, or Terminating while it is being emptied."), conditions }),
});

export const configMapSchema = record("Configuration data for programs to read.", {
  data: stringMap("Text by key."),
  binaryData: mapOf("Bytes by key, base64 encoded.", bytes),
  immutable: flag("When true, the data can't be changed any more."),
});

export const secretSchema = record("Data to be kept from unneeded eyes: passwords, keys, tokens.", {
  type: text("What kind of secret this is; programs look for the types they know."),
  data: mapOf("Bytes by key, base64 encoded.", bytes),
  stringData: stringMap("Text by key, for writing only: the server moves it into data."),
  immutable: flag("When true, the data can't be changed any more."),
});

export const serviceAccountSchema = record("An identity for programs.", {
  secrets: listBy(["name"], "Secrets that belong to this identity.", reference("A secret.")),
  imagePullSecrets: listOf("Secrets for pulling images.", localReference),
  automountServiceAccountToken: flag("Whether programs get a token without asking."),
});

const intOrString = (description: string): Schema => ({ "x-kubernetes-int-or-string": true, description });

const servicePort = record("A port of the service.", {
  name: text("Name of the port, needed when there are several."),
  protocol: text("TCP, UDP or SCTP.", { default: "TCP" }),
  appProtocol: text("The protocol spoken on top."),
  port: whole("The port that clients use."),
  targetPort: intOrString("The port, by number or name, that it leads to."),
  nodePort: whole("The port on every node, for types NodePort and LoadBalancer."),
}, ["port"]);

export const serviceSchema = record("A name and address for a set of endpoints.", {
  spec: record("How the service is reached.", {
    type: text("ClusterIP, NodePort, LoadBalancer or ExternalName."),
    selector: stringMap("Labels of what it leads to."),
    ports: listBy(["port", "protocol"], "The ports of the service.", servicePort),
    clusterIP: text("Its address within the cluster."),
    clusterIPs: strings("Its addresses within the cluster."),
    externalIPs: strings("Further addresses that lead to it."),
    externalName: text("The name that a service of type ExternalName stands for."),
    externalTrafficPolicy: text("Cluster or Local."),
    internalTrafficPolicy: text("Cluster or Local."),
    trafficDistribution: text("A preference for near endpoints."),
    healthCheckNodePort: whole("Port of the health check on nodes."),
    ipFamilies: strings("IPv4, IPv6."),
    ipFamilyPolicy: text("SingleStack, PreferDualStack or RequireDualStack."),
    loadBalancerIP: text("Address wanted from the load balancer."),
    loadBalancerClass: text("Which load balancer is meant."),
    loadBalancerSourceRanges: strings("Clients that the load balancer lets in."),
    allocateLoadBalancerNodePorts: flag("Whether node ports are made for the load balancer."),
    publishNotReadyAddresses: flag("Whether endpoints that are not ready are published."),
    sessionAffinity: text("None or ClientIP."),
    sessionAffinityConfig: anything("Settings of the session affinity."),
  }),
  status: record("What was observed.", { loadBalancer: anything("State of the load balancer."), conditions }),
});

const eventSource = record("Who reported the event first.", { component: text("The program."), host: text("The host it runs on.") });
const series = record("How an event that repeats goes on.", {
  count: whole("How often so far."),
  lastObservedTime: time("When it happened last."),
});

/** `v1` Event. */
export const eventSchema = record("Something that happened to an object, told once and forgotten after an hour.", {
  involvedObject: reference("What it happened to."),
  related: reference("A second object that is part of the story."),
  reason: text("One word that says what happened."),
  message: text("A sentence that says what happened."),
  type: text("Normal or Warning."),
  action: text("What was done or failed."),
  source: eventSource,
  reportingComponent: text("The program that reports, as a qualified name."),
  reportingInstance: text("Which instance of the program."),
  firstTimestamp: time("When it happened first."),
  lastTimestamp: time("When it happened last."),
  eventTime: time("When it was seen first, to the microsecond."),
  count: whole("How often it happened."),
  series,
}, ["involvedObject"]);

/** `events.k8s.io/v1` Event: the same object under other names. */
export const eventsV1Schema = record("Something that happened to an object, told once and forgotten after an hour.", {
  regarding: reference("What it happened to."),
  related: reference("A second object that is part of the story."),
  reason: text("One word that says what happened."),
  note: text("A sentence that says what happened."),
  type: text("Normal or Warning."),
  action: text("What was done or failed."),
  reportingController: text("The program that reports, as a qualified name."),
  reportingInstance: text("Which instance of the program."),
  eventTime: time("When it was seen first, to the microsecond."),
  series,
  deprecatedSource: eventSource,
  deprecatedFirstTimestamp: time("When it happened first."),
  deprecatedLastTimestamp: time("When it happened last."),
  deprecatedCount: whole("How often it happened."),
});

export const leaseSchema = record("Who holds something for how long; leader election is done with it.", {
  spec: record("The lease.", {
    holderIdentity: text("Who holds it."),
    leaseDurationSeconds: whole("How long it holds without being renewed."),
    acquireTime: time("When it was acquired."),
    renewTime: time("When it was renewed last."),
    leaseTransitions: whole("How often the holder changed."),
    strategy: text("How the holder is chosen in coordinated leader election."),
    preferredHolder: text("Who should take over."),
  }),
});

const policyRule = record("Verbs that are allowed on resources.", {
  verbs: strings("What is allowed; * is everything."),
  apiGroups: strings("API groups of the resources; the empty string is the core group."),
  resources: strings("Resources; * is all."),
  resourceNames: strings("Only objects of these names; empty is all."),
  nonResourceURLs: strings("Paths that are no resources."),
}, ["verbs"]);
const rules = listOf("What is allowed.", policyRule);
const subjects = listOf("Who gets the role.", atomic(record("A user, group or service account.", {
  kind: text("User, Group or ServiceAccount."),
  apiGroup: text("API group of the kind."),
  name: text("Its name."),
  namespace: text("Namespace of a service account."),
}, ["kind", "name"])));
const roleRef = atomic(record("The role that is given.", {
  apiGroup: text("API group of the role."),
  kind: text("Role or ClusterRole."),
  name: text("Name of the role."),
}, ["kind", "name"]));

export const roleSchema = record("Rules for objects of one namespace.", { rules });
export const clusterRoleSchema = record("Rules for objects of all namespaces and none.", {
  rules,
  aggregationRule: anything("Makes the rules from those of other cluster roles."),
});
export const bindingSchema = record("Gives a role to subjects.", { subjects, roleRef }, ["roleRef"]);

const extra = mapOf("Further attributes.", { type: "array", items: { type: "string" } });
const resourceAttributes = record("A request on a resource.", {
  namespace: text("Namespace; empty means all, or none for cluster-wide kinds."),
  verb: text("What is to be done."),
  group: text("API group; * is all."),
  version: text("API version; * is all."),
  resource: text("Resource; * is all."),
  subresource: text("Subresource, if any."),
  name: text("Name of the object; empty means all."),
  fieldSelector: anything("Restricts by fields."),
  labelSelector: anything("Restricts by labels."),
});

export const selfSubjectAccessReviewSchema = record("Asks whether the caller may do something.", {
  spec: record("What is to be done.", {
    resourceAttributes,
    nonResourceAttributes: record("A request on a path.", { path: text("The path."), verb: text("What is to be done.") }),
  }),
  status: record("The answer.", {
    allowed: flag("Whether it may."),
    denied: flag("Whether it is denied for good."),
    reason: text("Why."),
    evaluationError: text("What went wrong while finding out."),
  }),
}, ["spec"]);

export const selfSubjectRulesReviewSchema = record("Asks what the caller may do in a namespace.", {
  spec: record("Where.", { namespace: text("The namespace.") }),
  status: record("The answer.", {
    resourceRules: listOf("Rules for resources.", policyRule),
    nonResourceRules: listOf("Rules for paths.", policyRule),
    incomplete: flag("Whether there may be more."),
    evaluationError: text("What went wrong while finding out."),
  }),
}, ["spec"]);

export const selfSubjectReviewSchema = record("Asks who the caller is.", {
  status: record("The answer.", {
    userInfo: record("The caller.", {
      username: text("Name."), uid: text("UID."), groups: strings("Groups."), extra,
    }),
  }),
});
