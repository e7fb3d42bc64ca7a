/**
 * The messages that typed clients send, in the language of Protocol Buffers: the published field numbers of
 * Kubernetes' API, and only the fields that are served here (others are skipped while decoding).
 *
 * Two options say how a field becomes JSON. `(kept)`: its zero value means something (it is a pointer in Go, or
 * written without omitempty) and stays; other zero values are left out, as typed clients leave them out of JSON.
 * `json_name`: the field's name in JSON, where it differs.
 */

export const messages = `
syntax = "proto2";

message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3; optional string contentType = 4; }
message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }

message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
message MicroTime { optional int64 seconds = 1; optional int32 nanos = 2; }
message FieldsV1 { optional bytes raw = 1; }
message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
message JSON { optional bytes raw = 1; }
message ExtraValue { repeated string items = 1; }

message ObjectMeta {
  optional string name = 1; optional string generateName = 2; optional string namespace = 3; optional string selfLink = 4;
  optional string uid = 5; optional string resourceVersion = 6; optional int64 generation = 7;
  optional Time creationTimestamp = 8; optional Time deletionTimestamp = 9;
  optional int64 deletionGracePeriodSeconds = 10 [(kept) = true];
  map<string, string> labels = 11; map<string, string> annotations = 12;
  repeated OwnerReference ownerReferences = 13; repeated string finalizers = 14; repeated ManagedFieldsEntry managedFields = 17;
}
message OwnerReference {
  optional string kind = 1; optional string name = 3; optional string uid = 4; optional string apiVersion = 5;
  optional bool controller = 6 [(kept) = true]; optional bool blockOwnerDeletion = 7 [(kept) = true];
}
message ManagedFieldsEntry {
  optional string manager = 1; optional string operation = 2; optional string apiVersion = 3; optional Time time = 4;
  optional string fieldsType = 6; optional FieldsV1 fieldsV1 = 7; optional string subresource = 8;
}
message LabelSelector { map<string, string> matchLabels = 1; repeated LabelSelectorRequirement matchExpressions = 2; }
message LabelSelectorRequirement { optional string key = 1; optional string operator = 2; repeated string values = 3; }
message Condition {
  optional string type = 1; optional string status = 2; optional int64 observedGeneration = 3;
  optional Time lastTransitionTime = 4; optional string reason = 5; optional string message = 6;
}
message DeleteOptions {
  optional int64 gracePeriodSeconds = 1 [(kept) = true]; optional Preconditions preconditions = 2;
  optional bool orphanDependents = 3 [(kept) = true]; optional string propagationPolicy = 4 [(kept) = true];
  repeated string dryRun = 5; optional bool ignoreStoreReadErrorWithClusterBreakingPotential = 6 [(kept) = true];
}
message Preconditions { optional string uid = 1 [(kept) = true]; optional string resourceVersion = 2 [(kept) = true]; }

message ObjectReference {
  optional string kind = 1; optional string namespace = 2; optional string name = 3; optional string uid = 4;
  optional string apiVersion = 5; optional string resourceVersion = 6; optional string fieldPath = 7;
}
message LocalObjectReference { optional string name = 1; }

message Namespace { optional ObjectMeta metadata = 1; optional NamespaceSpec spec = 2; optional NamespaceStatus status = 3; }
message NamespaceSpec { repeated string finalizers = 1; }
message NamespaceStatus { optional string phase = 1; repeated NamespaceCondition conditions = 2; }
message NamespaceCondition {
  optional string type = 1; optional string status = 2; optional Time lastTransitionTime = 4; optional string reason = 5; optional string message = 6;
}
message Secret {
  optional ObjectMeta metadata = 1; map<string, bytes> data = 2; optional string type = 3; map<string, string> stringData = 4;
  optional bool immutable = 5 [(kept) = true];
}
message ConfigMap {
  optional ObjectMeta metadata = 1; map<string, string> data = 2; map<string, bytes> binaryData = 3; optional bool immutable = 4 [(kept) = true];
}
message ServiceAccount {
  optional ObjectMeta metadata = 1; repeated ObjectReference secrets = 2; repeated LocalObjectReference imagePullSecrets = 3;
  optional bool automountServiceAccountToken = 4 [(kept) = true];
}
message Service { optional ObjectMeta metadata = 1; optional ServiceSpec spec = 2; optional ServiceStatus status = 3; }
message ServiceSpec {
  repeated ServicePort ports = 1; map<string, string> selector = 2; optional string clusterIP = 3; optional string type = 4;
  repeated string externalIPs = 5; optional string sessionAffinity = 7; optional string loadBalancerIP = 8;
  repeated string loadBalancerSourceRanges = 9; optional string externalName = 10; optional string externalTrafficPolicy = 11;
  optional int32 healthCheckNodePort = 12; optional bool publishNotReadyAddresses = 13; optional SessionAffinityConfig sessionAffinityConfig = 14;
  optional string ipFamilyPolicy = 17 [(kept) = true]; repeated string clusterIPs = 18; repeated string ipFamilies = 19;
  optional bool allocateLoadBalancerNodePorts = 20 [(kept) = true]; optional string loadBalancerClass = 21 [(kept) = true];
  optional string internalTrafficPolicy = 22 [(kept) = true]; optional string trafficDistribution = 23 [(kept) = true];
}
message SessionAffinityConfig { optional ClientIPConfig clientIP = 1; }
message ClientIPConfig { optional int32 timeoutSeconds = 1 [(kept) = true]; }
message ServicePort {
  optional string name = 1; optional string protocol = 2; optional int32 port = 3 [(kept) = true]; optional IntOrString targetPort = 4;
  optional int32 nodePort = 5; optional string appProtocol = 6 [(kept) = true];
}
message ServiceStatus { repeated Condition conditions = 2; }

message EventSource { optional string component = 1; optional string host = 2; }
message EventSeries { optional int32 count = 1; optional MicroTime lastObservedTime = 2; }
message CoreEvent {
  optional ObjectMeta metadata = 1; optional ObjectReference involvedObject = 2; optional string reason = 3; optional string message = 4;
  optional EventSource source = 5; optional Time firstTimestamp = 6; optional Time lastTimestamp = 7; optional int32 count = 8;
  optional string type = 9; optional MicroTime eventTime = 10; optional EventSeries series = 11; optional string action = 12;
  optional ObjectReference related = 13; optional string reportingComponent = 14; optional string reportingInstance = 15;
}
message Event {
  optional ObjectMeta metadata = 1; optional MicroTime eventTime = 2; optional EventSeries series = 3; optional string reportingController = 4;
  optional string reportingInstance = 5; optional string action = 6; optional string reason = 7; optional ObjectReference regarding = 8;
  optional ObjectReference related = 9; optional string note = 10; optional string type = 11; optional EventSource deprecatedSource = 12;
  optional Time deprecatedFirstTimestamp = 13; optional Time deprecatedLastTimestamp = 14; optional int32 deprecatedCount = 15;
}
message Lease { optional ObjectMeta metadata = 1; optional LeaseSpec spec = 2; }
message LeaseSpec {
  optional string holderIdentity = 1 [(kept) = true]; optional int32 leaseDurationSeconds = 2 [(kept) = true];
  optional MicroTime acquireTime = 3; optional MicroTime renewTime = 4; optional int32 leaseTransitions = 5 [(kept) = true];
  optional string strategy = 6 [(kept) = true]; optional string preferredHolder = 7 [(kept) = true];
}

message PolicyRule {
  repeated string verbs = 1; repeated string apiGroups = 2; repeated string resources = 3; repeated string resourceNames = 4;
  repeated string nonResourceURLs = 5;
}
message Subject { optional string kind = 1; optional string apiGroup = 2; optional string name = 3; optional string namespace = 4; }
message RoleRef { optional string apiGroup = 1; optional string kind = 2; optional string name = 3; }
message Role { optional ObjectMeta metadata = 1; repeated PolicyRule rules = 2; }
message RoleBinding { optional ObjectMeta metadata = 1; repeated Subject subjects = 2; optional RoleRef roleRef = 3; }
message ClusterRole { optional ObjectMeta metadata = 1; repeated PolicyRule rules = 2; optional AggregationRule aggregationRule = 3; }
message ClusterRoleBinding { optional ObjectMeta metadata = 1; repeated Subject subjects = 2; optional RoleRef roleRef = 3; }
message AggregationRule { repeated LabelSelector clusterRoleSelectors = 1; }

message SelfSubjectAccessReview { optional ObjectMeta metadata = 1; optional SelfSubjectAccessReviewSpec spec = 2; optional SubjectAccessReviewStatus status = 3; }
message SelfSubjectAccessReviewSpec { optional ResourceAttributes resourceAttributes = 1; optional NonResourceAttributes nonResourceAttributes = 2; }
message ResourceAttributes {
  optional string namespace = 1; optional string verb = 2; optional string group = 3; optional string version = 4; optional string resource = 5;
  optional string subresource = 6; optional string name = 7;
}
message NonResourceAttributes { optional string path = 1; optional string verb = 2; }
message SubjectAccessReviewStatus {
  optional bool allowed = 1 [(kept) = true]; optional string reason = 2; optional string evaluationError = 3; optional bool denied = 4;
}
message SelfSubjectRulesReview { optional ObjectMeta metadata = 1; optional SelfSubjectRulesReviewSpec spec = 2; }
message SelfSubjectRulesReviewSpec { optional string namespace = 1; }
message SelfSubjectReview { optional ObjectMeta metadata = 1; optional SelfSubjectReviewStatus status = 2; }
message SelfSubjectReviewStatus { optional UserInfo userInfo = 1; }
message UserInfo { optional string username = 1; optional string uid = 2; repeated string groups = 3; map<string, ExtraValue> extra = 4; }
message TokenRequest { optional ObjectMeta metadata = 1; optional TokenRequestSpec spec = 2; optional TokenRequestStatus status = 3; }
message TokenRequestSpec { repeated string audiences = 1; optional BoundObjectReference boundObjectRef = 3; optional int64 expirationSeconds = 4 [(kept) = true]; }
message BoundObjectReference { optional string kind = 1; optional string apiVersion = 2; optional string name = 3; optional string uid = 4; }
message TokenRequestStatus { optional string token = 1; optional Time expirationTimestamp = 2; }

message CustomResourceDefinition {
  optional ObjectMeta metadata = 1; optional CustomResourceDefinitionSpec spec = 2; optional CustomResourceDefinitionStatus status = 3;
}
message CustomResourceDefinitionSpec {
  optional string group = 1; optional CustomResourceDefinitionNames names = 3; optional string scope = 4;
  repeated CustomResourceDefinitionVersion versions = 7; optional CustomResourceConversion conversion = 9; optional bool preserveUnknownFields = 10;
}
message CustomResourceDefinitionNames {
  optional string plural = 1; optional string singular = 2; repeated string shortNames = 3; optional string kind = 4; optional string listKind = 5;
  repeated string categories = 6;
}
message CustomResourceConversion { optional string strategy = 1; }
message CustomResourceDefinitionVersion {
  optional string name = 1; optional bool served = 2 [(kept) = true]; optional bool storage = 3 [(kept) = true];
  optional CustomResourceValidation schema = 4 [(kept) = true]; optional CustomResourceSubresources subresources = 5 [(kept) = true];
  repeated CustomResourceColumnDefinition additionalPrinterColumns = 6; optional bool deprecated = 7;
  optional string deprecationWarning = 8 [(kept) = true]; repeated SelectableField selectableFields = 9;
}
message SelectableField { optional string jsonPath = 1; }
message CustomResourceColumnDefinition {
  optional string name = 1; optional string type = 2; optional string format = 3; optional string description = 4; optional int32 priority = 5;
  optional string jsonPath = 6;
}
message CustomResourceSubresources { optional CustomResourceSubresourceStatus status = 1 [(kept) = true]; optional CustomResourceSubresourceScale scale = 2 [(kept) = true]; }
message CustomResourceSubresourceStatus { }
message CustomResourceSubresourceScale {
  optional string specReplicasPath = 1; optional string statusReplicasPath = 2; optional string labelSelectorPath = 3 [(kept) = true];
}
message CustomResourceDefinitionStatus {
  repeated CustomResourceDefinitionCondition conditions = 1; optional CustomResourceDefinitionNames acceptedNames = 2; repeated string storedVersions = 3;
  optional int64 observedGeneration = 4;
}
message CustomResourceDefinitionCondition {
  optional string type = 1; optional string status = 2; optional Time lastTransitionTime = 3; optional string reason = 4; optional string message = 5;
  optional int64 observedGeneration = 6;
}
message CustomResourceValidation { optional JSONSchemaProps openAPIV3Schema = 1 [(kept) = true]; }
message ExternalDocumentation { optional string description = 1; optional string url = 2; }
message JSONSchemaProps {
  optional string id = 1; optional string schema = 2 [json_name = "$schema"]; optional string ref = 3 [json_name = "$ref", (kept) = true];
  optional string description = 4; optional string type = 5; optional string format = 6; optional string title = 7; optional JSON default = 8;
  optional double maximum = 9 [(kept) = true]; optional bool exclusiveMaximum = 10; optional double minimum = 11 [(kept) = true];
  optional bool exclusiveMinimum = 12; optional int64 maxLength = 13 [(kept) = true]; optional int64 minLength = 14 [(kept) = true];
  optional string pattern = 15; optional int64 maxItems = 16 [(kept) = true]; optional int64 minItems = 17 [(kept) = true];
  optional bool uniqueItems = 18; optional double multipleOf = 19 [(kept) = true]; repeated JSON enum = 20;
  optional int64 maxProperties = 21 [(kept) = true]; optional int64 minProperties = 22 [(kept) = true]; repeated string required = 23;
  optional JSONSchemaPropsOrArray items = 24 [(kept) = true]; repeated JSONSchemaProps allOf = 25; repeated JSONSchemaProps oneOf = 26;
  repeated JSONSchemaProps anyOf = 27; optional JSONSchemaProps not = 28 [(kept) = true]; map<string, JSONSchemaProps> properties = 29;
  optional JSONSchemaPropsOrBool additionalProperties = 30 [(kept) = true]; map<string, JSONSchemaProps> patternProperties = 31;
  optional JSONSchemaPropsOrBool additionalItems = 33 [(kept) = true]; map<string, JSONSchemaProps> definitions = 34;
  optional ExternalDocumentation externalDocs = 35; optional JSON example = 36; optional bool nullable = 37;
  optional bool preserveUnknown = 38 [json_name = "x-kubernetes-preserve-unknown-fields", (kept) = true];
  optional bool embeddedResource = 39 [json_name = "x-kubernetes-embedded-resource"];
  optional bool intOrString = 40 [json_name = "x-kubernetes-int-or-string"];
  repeated string listMapKeys = 41 [json_name = "x-kubernetes-list-map-keys"];
  optional string listType = 42 [json_name = "x-kubernetes-list-type", (kept) = true];
  optional string mapType = 43 [json_name = "x-kubernetes-map-type", (kept) = true];
  repeated ValidationRule validations = 44 [json_name = "x-kubernetes-validations"];
}
message JSONSchemaPropsOrArray { optional JSONSchemaProps schema = 1; repeated JSONSchemaProps schemas = 2; }
message JSONSchemaPropsOrBool { optional bool allows = 1; optional JSONSchemaProps schema = 2; }
message ValidationRule {
  optional string rule = 1; optional string message = 2; optional string messageExpression = 3; optional string reason = 4 [(kept) = true];
  optional string fieldPath = 5; optional bool optionalOldSelf = 6 [(kept) = true];
}
`;

/** Kind and API group of a body -> its message. The version does not matter: each group has one here. */
export const messageOf = (group: string, kind: string): string | undefined => bodies[`${group}/${kind}`];

const bodies: Readonly<Record<string, string>> = {
  "/Namespace": "Namespace",
  "/Secret": "Secret",
  "/ConfigMap": "ConfigMap",
  "/ServiceAccount": "ServiceAccount",
  "/Service": "Service",
  "/Event": "CoreEvent",
  "events.k8s.io/Event": "Event",
  "coordination.k8s.io/Lease": "Lease",
  "rbac.authorization.k8s.io/Role": "Role",
  "rbac.authorization.k8s.io/RoleBinding": "RoleBinding",
  "rbac.authorization.k8s.io/ClusterRole": "ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding": "ClusterRoleBinding",
  "authorization.k8s.io/SelfSubjectAccessReview": "SelfSubjectAccessReview",
  "authorization.k8s.io/SelfSubjectRulesReview": "SelfSubjectRulesReview",
  "authentication.k8s.io/SelfSubjectReview": "SelfSubjectReview",
  "authentication.k8s.io/TokenRequest": "TokenRequest",
  "apiextensions.k8s.io/CustomResourceDefinition": "CustomResourceDefinition",
};
