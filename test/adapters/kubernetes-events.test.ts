import assert from "node:assert/strict";
import { test } from "node:test";
import { Conflict, Terminal, Transient } from "../../src/errors.ts";
import { drop, failure, missing, never, ok, resource, status, withFake } from "./kubernetes-fake.ts";
import type { Fake, Reply } from "./kubernetes-fake.ts";

const events = "/api/v1/namespaces/n/events";
const note = { type: "Normal", reason: "Created", message: "created a-0" } as const;
const created: Reply = { code: 201, body: {} };
const exists = status(409, "AlreadyExists");

/** The name under which an event is filed, read from what is sent. */
const nameOf = async (about = resource(), what: Parameters<Fake["api"]["note"]>[1] = note): Promise<string> => {
  let name = "";
  await withFake({ [`POST ${events}`]: [created] }, async ({ api, requests }) => {
    await api.note(about, what, never);
    name = (requests[0]?.body.metadata as { name: string }).name;
  });
  return name;
};

test("an event says who, what, why and when", () => withFake({ [`POST ${events}`]: [created] }, async ({ api, requests }) => {
  await api.note(resource(), note, never);
  const { metadata, ...body } = requests[0]?.body ?? {};
  assert.match((metadata as { name: string }).name, /^a\.[0-9a-f]{16}$/);
  assert.deepEqual(body, {
    apiVersion: "v1", kind: "Event", ...note, count: 1, firstTimestamp: "2026-01-02T03:04:05Z", lastTimestamp: "2026-01-02T03:04:05Z",
    involvedObject: { apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet", namespace: "n", name: "a", uid: "u-1", resourceVersion: "7" },
    source: { component: "pgrs-operator" }, reportingComponent: "pgrs-operator", reportingInstance: "pgrs-operator",
  });
}));

test("the same about the same has the same name, whatever the version; anything else has another", async () => {
  const name = await nameOf();
  assert.equal(await nameOf(resource({ resourceVersion: "99" })), name);
  const others = [await nameOf(resource({ uid: "u-2" })), await nameOf(resource(), { ...note, reason: "Started" }),
    await nameOf(resource(), { ...note, message: "created a-1" }), await nameOf(resource(), { ...note, type: "Warning" })];
  assert.equal(new Set([name, ...others]).size, 5);
});

test("a repetition counts on the event that is there, at its version", async () => {
  const name = await nameOf();
  const replies = { [`POST ${events}`]: [exists], [`GET ${events}/${name}`]: [ok({ metadata: { resourceVersion: "5" }, count: 3 })], [`PATCH ${events}/${name}`]: [ok({})] };
  await withFake(replies, async ({ api, requests }) => {
    await api.note(resource(), note, never);
    assert.deepEqual(requests.at(-1)?.body, { metadata: { resourceVersion: "5" }, count: 4, lastTimestamp: "2026-01-02T03:04:05Z" });
  });
});

test("an event that expires or is counted on by others between two calls is tried again, but not for ever", async () => {
  const name = await nameOf();
  const there = ok({ metadata: { resourceVersion: "5" } });
  const replies = {
    [`POST ${events}`]: [exists, exists, exists, created, exists, exists, exists, exists],
    [`GET ${events}/${name}`]: [missing(name), there, there, there, there, there, there],
    [`PATCH ${events}/${name}`]: [status(409, "Conflict"), missing(name), ...Array.from({ length: 4 }, () => status(409, "Conflict"))],
  };
  await withFake(replies, async ({ api, lines }) => {
    await api.note(resource(), note, never);
    assert.equal(lines().filter((line) => line.startsWith("POST")).length, 4);
    assert.ok(await failure(api.note(resource(), note, never)) instanceof Conflict);
  });
});

test("a long name and a long message are cut where Kubernetes ends them", async () => {
  const name = await nameOf(resource({ name: `${"a".repeat(235)}-${"b".repeat(17)}` }));
  assert.match(name, /^a{235}\.[0-9a-f]{16}$/);
  await withFake({ [`POST ${events}`]: [created] }, async ({ api, requests }) => {
    await api.note(resource(), { ...note, message: "ä".repeat(600) }, never);
    const message = String(requests[0]?.body.message);
    assert.ok(Buffer.byteLength(message) <= 1024);
    assert.match(message, /^ä+…$/);
  });
});

const refusals = [
  { when: "the namespace is going", reply: status(403, "Forbidden"), means: Terminal },
  { when: "the server breaks off", reply: drop, means: Transient },
];
for (const { when, reply, means } of refusals) {
  test(`when ${when} it is ${means.name}, at each of the calls`, async () => {
    const name = await nameOf();
    const there = ok({ metadata: { resourceVersion: "5" }, count: 1 });
    const replies = { [`POST ${events}`]: [reply, exists, exists], [`GET ${events}/${name}`]: [reply, there], [`PATCH ${events}/${name}`]: [reply] };
    await withFake(replies, async ({ api }) => {
      for (let call = 0; call < 3; call += 1) assert.ok(await failure(api.note(resource(), note, never)) instanceof means);
    });
  });
}
