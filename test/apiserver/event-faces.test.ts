import assert from "node:assert/strict";
import { test } from "node:test";
import { coreEvent, eventsGroupEvent } from "../../src/apiserver/event-faces.ts";
import type { KubeObject } from "../../src/apiserver/kind.ts";

const metadata = { name: "e", namespace: "default", uid: "u", resourceVersion: "1", creationTimestamp: "2024-01-01T00:00:00Z" };
const core: KubeObject = {
  apiVersion: "v1", kind: "Event", metadata, involvedObject: { kind: "ConfigMap" }, message: "m", source: { component: "c" }, firstTimestamp: "a", lastTimestamp: "b",
  count: 2, reportingComponent: "x/y", reportingInstance: "i", action: "A", reason: "R", type: "Normal", series: { count: 3 }, eventTime: null, related: { kind: "Secret" },
};
const events: KubeObject = {
  apiVersion: "events.k8s.io/v1", kind: "Event", metadata, regarding: { kind: "ConfigMap" }, note: "m", deprecatedSource: { component: "c" }, deprecatedFirstTimestamp: "a",
  deprecatedLastTimestamp: "b", deprecatedCount: 2, reportingController: "x/y", reportingInstance: "i", action: "A", reason: "R", type: "Normal", series: { count: 3 },
  eventTime: null, related: { kind: "Secret" },
};

test("each face becomes the other, and nothing is lost", () => {
  assert.deepEqual(eventsGroupEvent(core), events);
  assert.deepEqual(coreEvent(events), core);
});

test("a face that is asked for its own form is left as it is", () => {
  assert.equal(coreEvent(core), core);
  assert.equal(eventsGroupEvent(events), events);
});
