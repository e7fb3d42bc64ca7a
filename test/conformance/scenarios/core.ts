/** Built-in kinds, as kubectl and controllers use them. */
import { applyPatch, jsonPatch, merge, strategic, table } from "./widget.ts";
import type { Json, JsonObject } from "../../../src/schema/types.ts";
import type { Scenario } from "../scenario.ts";

const namespaced = (kind: string, name: string, fields: JsonObject, metadata: JsonObject = {}): JsonObject =>
  ({ apiVersion: "v1", kind, metadata: { name, namespace: "default", ...metadata }, ...fields });
const maps = "/api/v1/namespaces/default/configmaps";
const secrets = "/api/v1/namespaces/default/secrets";
const events = "/api/v1/namespaces/default/events";
const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

const event = (name: string, fields: JsonObject): Json => namespaced("Event", name, {
  involvedObject: { kind: "ConfigMap", name: "told", namespace: "default", apiVersion: "v1" }, reason: "Happened", message: "It happened", type: "Normal",
  source: { component: "conformance" }, firstTimestamp: "2024-01-01T00:00:00Z", lastTimestamp: "2024-01-01T00:00:00Z", count: 2, ...fields,
});

export const core: readonly Scenario[] = [
  {
    name: "typed commands", needs: "core",
    steps: [
      { run: "create configmap typed --from-literal=a=b" }, { run: "get configmap typed" }, { run: "get configmap typed -o jsonpath='{.data}'" }, { run: "describe configmap typed" },
      { run: "create secret generic typed --from-literal=a=b" }, { run: "get secret typed" }, { run: "get secret typed -o jsonpath='{.data.a} {.type}'" }, { run: "create secret generic typed --from-literal=a=b" },
      { run: "create serviceaccount typed" }, { run: "get serviceaccount typed -o name" }, { run: "create token typed --duration=1h -o jsonpath='{.kind}'" }, { run: "create token nosuch" },
      { run: "create role typed --verb=get,list --resource=configmaps" }, { run: "get role typed -o jsonpath='{.rules}'" },
      { run: "create rolebinding typed --role=typed --user=someone --serviceaccount=default:typed" }, { run: "get rolebinding typed -o wide" },
      { run: "create clusterrole typed --verb=get --resource=configmaps --resource-name=a" }, { run: "get clusterrole typed -o jsonpath='{.rules}'" },
      { run: "create clusterrolebinding typed --clusterrole=typed --group=some" }, { run: "get clusterrolebinding typed -o wide" },
      { run: "auth can-i create configmaps" }, { run: "auth can-i get /healthz" }, { run: "create namespace typed" }, { run: "get namespace typed" }, { run: "create namespace typed" },
      { run: "delete configmap,secret,serviceaccount,role,rolebinding typed" }, { run: "delete clusterrole,clusterrolebinding typed" },
    ],
  },
  {
    name: "config maps", needs: "core",
    steps: [
      { run: "apply -f -", input: namespaced("ConfigMap", "cm", { data: { a: "1", b: "2" } }) }, { run: "apply -f -", input: namespaced("ConfigMap", "cm", { data: { a: "1", c: "3" } }) },
      { run: "get configmap cm -o jsonpath='{.data}'" }, { run: "patch configmap cm -p '{\"data\":{\"a\":null,\"d\":\"4\"}}'" }, { run: "get configmap cm -o jsonpath='{.data}'" },
      { send: `PATCH ${maps}/cm`, contentType: strategic, body: { data: { $patch: "replace", z: "9" } }, look: ".data" }, { send: `PATCH ${maps}/cm`, contentType: merge, body: { data: { y: "8" } }, look: ".data" },
      { send: `PATCH ${maps}/cm`, contentType: jsonPatch, body: [{ op: "remove", path: "/data/y" }], look: ".data" }, { send: `PUT ${maps}/cm`, body: namespaced("ConfigMap", "cm", { data: { q: "1" } }), look: ".data" },
      { send: `PUT ${maps}/cm`, body: namespaced("ConfigMap", "cm", {}, { resourceVersion: "1" }) },
      { send: `PATCH ${maps}/cm`, contentType: strategic, body: { metadata: { finalizers: ["a.example.com/x"] } }, look: ".metadata.finalizers" },
      { send: `PATCH ${maps}/cm`, contentType: strategic, body: { metadata: { finalizers: ["b.example.com/y"] } }, look: ".metadata.finalizers" },
      { send: `PATCH ${maps}/cm`, contentType: strategic, body: { metadata: { "$deleteFromPrimitiveList/finalizers": ["a.example.com/x", "b.example.com/y"] } }, look: ".metadata.finalizers" },
      { send: `PATCH ${maps}/cm`, contentType: merge, body: { data: { "bad key": "x" } }, look: ".details.causes[*].field" }, { send: `PATCH ${maps}/cm`, contentType: merge, body: { data: { n: 1 } }, look: ".code" },
      { send: `PATCH ${maps}/cm`, contentType: merge, body: { immutable: true }, look: ".immutable" }, { send: `PATCH ${maps}/cm`, contentType: merge, body: { data: { q: "2" } }, look: ".code" },
      { run: "get configmap cm -o yaml" }, { send: `DELETE ${maps}/cm` }, { send: `GET ${maps}/cm` },
    ],
  },
  {
    name: "server-side apply of a built-in kind", needs: "core",
    steps: [
      { run: "apply --server-side -f -", input: namespaced("ConfigMap", "owned", { data: { a: "1" } }) }, { run: "get configmap owned -o json --show-managed-fields" },
      { run: "apply --server-side --field-manager=other -f -", input: namespaced("ConfigMap", "owned", { data: { a: "2" } }) },
      { send: `PATCH ${maps}/owned?fieldManager=third`, contentType: applyPatch, body: namespaced("ConfigMap", "owned", { data: { b: "2" } }), look: ".metadata.managedFields[*].fieldsV1" },
      { run: "apply --server-side -f -", input: namespaced("ConfigMap", "owned", { data: {} }) }, { run: "get configmap owned -o jsonpath='{.data}'" }, { run: "delete configmap owned" },
    ],
  },
  {
    name: "secrets", needs: "core",
    steps: [
      { send: `POST ${secrets}`, body: namespaced("Secret", "s", { stringData: { a: "plain" }, data: { b: "YmluYXJ5" } }) }, { send: `PATCH ${secrets}/s`, contentType: merge, body: { stringData: { a: "other" } }, look: ".data" },
      { send: `POST ${secrets}`, body: namespaced("Secret", "bad", { data: { b: "not base64!" } }), look: ".code" }, { send: `PATCH ${secrets}/s`, contentType: merge, body: { type: "Other" }, look: ".code" },
      { run: "get secrets --field-selector type=Opaque -o name" }, { run: "get secret s -o jsonpath='{.data}'" }, { send: `DELETE ${secrets}/s`, quiet: true },
    ],
  },
  {
    name: "events", needs: "core",
    steps: [
      { run: "create configmap told", quiet: true }, { send: `POST ${events}`, body: event("told.1", {}) }, { send: `POST ${events}`, body: event("told.2", { type: "Warning", reason: "Failed" }), look: ".kind" },
      { send: "GET /apis/events.k8s.io/v1/namespaces/default/events/told.1" }, { run: "get events --field-selector reason=Failed" }, { run: "get events --field-selector involvedObject.name=told,type=Normal -o name" },
      { run: "events --for configmap/told --types=Warning" }, { run: "describe configmap told" }, { send: `GET ${events}/told.1`, accept: table },
      {
        send: "POST /apis/events.k8s.io/v1/namespaces/default/events",
        body: {
          apiVersion: "events.k8s.io/v1", kind: "Event", metadata: { name: "told.3", namespace: "default" }, regarding: { kind: "ConfigMap", name: "told", namespace: "default" },
          reason: "New", note: "A note", type: "Normal", action: "Doing", eventTime: "2024-01-01T00:00:00.000000Z", reportingController: "example.com/c", reportingInstance: "i",
        },
      },
      { send: `GET ${events}/told.3` }, { send: `POST ${events}`, body: event("elsewhere.1", { involvedObject: { kind: "ConfigMap", name: "x", namespace: "other" } }), look: ".code" },
      { run: "delete events --all", quiet: true }, { run: "delete configmap told", quiet: true },
    ],
  },
  {
    name: "leases", needs: "core",
    steps: [
      {
        send: `POST ${leases}`,
        body: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "l", namespace: "default" }, spec: { holderIdentity: "me", leaseDurationSeconds: 15, renewTime: "2024-01-01T00:00:00.000001Z", leaseTransitions: 0 } },
      },
      { run: "get lease l" }, { send: `PATCH ${leases}/l`, contentType: merge, body: { spec: { holderIdentity: "you", leaseTransitions: 1 } }, look: ".spec" },
      { send: `PATCH ${leases}/l`, contentType: merge, body: { spec: { leaseDurationSeconds: 0 } }, look: ".code" }, { send: `DELETE ${leases}/l`, quiet: true },
    ],
  },
  {
    name: "tables of built-in kinds", needs: "core",
    steps: ["namespaces/default", "namespaces/default/configmaps?fieldSelector=metadata.name=none", "namespaces/default/secrets?fieldSelector=metadata.name=none", "namespaces/default/events?fieldSelector=metadata.name=none", "namespaces/default/services?fieldSelector=metadata.name=none"]
      .flatMap((path) => ["name", "type", "priority"].map((field) => ({ send: `GET /api/v1/${path}`, accept: table, look: `.columnDefinitions[*].${field}` }))),
  },
  {
    name: "paths and methods", needs: "core",
    steps: [
      { send: "GET /healthz" }, { send: "GET /readyz" }, { send: "GET /livez" }, { send: "GET /api" , look: ".versions" }, { send: "GET /apis/coordination.k8s.io", look: ".name" }, { send: "GET /apis/nosuch" },
      { send: "GET /api/v1/nosuch" }, { send: "GET /api/v1/namespaces/default/nosuch/x" }, { send: "GET /nosuch", look: ".code" }, { send: `PUT ${maps}`, body: {}, look: ".code" }, { send: `GET ${maps}/nosuch` },
      { send: "GET /api/v1/namespaces/nosuch/configmaps", look: ".items" }, { send: "POST /api/v1/namespaces/nosuch/configmaps", body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } } },
      { send: `POST ${maps}`, body: "{", look: ".code" }, { send: `POST ${maps}`, contentType: "text/plain", body: "x", look: ".code" }, { send: `GET ${maps}/nosuch`, accept: "text/html", look: ".code" },
      { send: "GET /version", look: ".major" }, { send: "GET /api/v1/namespaces/default/configmaps?timeoutSeconds=x", look: ".code" },
    ],
  },
  {
    name: "namespaces", needs: "core",
    steps: [
      { send: "POST /api/v1/namespaces", body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "space" } } }, { send: "POST /api/v1/namespaces", body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "Bad" } }, look: ".code" },
      { send: "POST /api/v1/namespaces/space/configmaps", body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "in" } }, look: ".metadata.namespace" },
      { send: "DELETE /api/v1/namespaces/default" }, { send: "DELETE /api/v1/namespaces/kube-system", look: ".code" }, { run: "get namespaces --field-selector metadata.name=default" }, { run: "get ns default kube-system -o name" },
      { send: "DELETE /api/v1/namespaces/space", look: ".status.phase" },
    ],
  },
];
