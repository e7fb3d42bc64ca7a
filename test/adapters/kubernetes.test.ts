import assert from "node:assert/strict";
import { test } from "node:test";
import { Conflict, Terminal, Transient } from "../../src/errors.ts";
import type { StreamEvent } from "../../src/adapters/kubernetes-watch.ts";
import { drop, failure, hang, missing, never, ok, path, resource, say, status, withFake } from "./kubernetes-fake.ts";

const collection = "/apis/pgrs.dev/v1alpha1/postgresreplicasets";
const secrets = "/api/v1/namespaces/n/secrets";
const key = { namespace: "n", name: "a" };

test("a resource is read as it is; one that is gone is undefined", () =>
  withFake({ [`GET ${path}`]: [ok({ metadata: { name: "a" }, spec: {} }), missing("a")] }, async ({ api }) => {
    assert.deepEqual(await api.get(key, never), { metadata: { name: "a" }, spec: {} });
    assert.equal(await api.get(key, never), undefined);
  }));

test("a kind that is not served is not a resource that is gone", () =>
  withFake({ [`GET ${path}`]: [status(404, "NotFound", "the server could not find the requested resource"), status(404, "NotFound", "no", { name: "other" })] }, async ({ api }) => {
    assert.ok(await failure(api.get(key, never)) instanceof Transient);
    assert.ok(await failure(api.get(key, never)) instanceof Transient);
  }));

test("a key is a name, whatever it says", () =>
  withFake({}, async ({ api, lines }) => {
    await failure(api.get({ namespace: "n/secrets", name: "x?y" }, never));
    assert.deepEqual(lines(), ["GET /apis/pgrs.dev/v1alpha1/namespaces/n%2Fsecrets/postgresreplicasets/x%3Fy"]);
  }));

test("the status is put at the version that was seen, and the new metadata comes back", () =>
  withFake({ [`PUT ${path}/status`]: [ok({ metadata: { uid: "u-1", resourceVersion: "8", name: "a", namespace: "n" } })] }, async ({ api, requests }) => {
    const saved = await api.saveStatus(resource(), { readyReplicas: 1 }, never);
    assert.equal(saved.resourceVersion, "8");
    const { metadata, status: written, kind } = requests[0]?.body ?? {};
    assert.deepEqual([kind, (metadata as { resourceVersion: string }).resourceVersion, written], ["PostgresReplicaSet", "7", { readyReplicas: 1 }]);
  }));

test("finalizers are patched at the version and on the object that was seen", () =>
  withFake({ [`PATCH ${path}`]: [ok({ metadata: { uid: "u-1", resourceVersion: "8" } })] }, async ({ api, requests }) => {
    await api.setFinalizers(resource(), ["x/y"], never);
    assert.equal(requests[0]?.headers["content-type"], "application/merge-patch+json");
    assert.deepEqual(requests[0]?.body, { metadata: { uid: "u-1", resourceVersion: "7", finalizers: ["x/y"] } });
  }));

const refusals = [
  { when: "the resource moved on", reply: status(409, "Conflict"), means: Conflict },
  { when: "the resource is gone", reply: missing("a"), means: Conflict },
  { when: "the status is refused", reply: status(422, "Invalid"), means: Terminal },
  { when: "the server breaks off", reply: drop, means: Transient },
  { when: "the server hangs", reply: hang, means: Transient },
  { when: "the answer is no object", reply: ok({}), means: Transient },
];
for (const { when, reply, means } of refusals) {
  test(`a write when ${when} is ${means.name}`, () =>
    withFake({ [`PUT ${path}/status`]: [reply], [`PATCH ${path}`]: [reply] }, async ({ api }) => {
      assert.ok(await failure(api.saveStatus(resource(), {}, never)) instanceof means);
      assert.ok(await failure(api.setFinalizers(resource(), [], never)) instanceof means);
    }, { timeoutMs: 200 }));
}

test("nothing is written without a version to rest on", () => withFake({}, async ({ api, requests }) => {
  assert.ok(await failure(api.saveStatus(resource({ resourceVersion: "" }), {}, never)) instanceof Terminal);
  assert.deepEqual(requests, []);
}));

test("a Secret is read decoded; one that is gone is undefined, one without data is empty", () =>
  withFake({ [`GET ${secrets}/s`]: [ok({ data: { password: "cGFzc8Okw58=" } }), ok({}), missing("s")] }, async ({ api }) => {
    assert.deepEqual(await api.secret({ namespace: "n", name: "s" }, never), { password: "passäß" });
    assert.deepEqual(await api.secret({ namespace: "n", name: "s" }, never), {});
    assert.equal(await api.secret({ namespace: "n", name: "s" }, never), undefined);
  }));

test("a Secret is made with its owner; one that is there is a Conflict", () =>
  withFake({ [`POST ${secrets}`]: [{ code: 201, body: {} }, status(409, "AlreadyExists")] }, async ({ api, requests }) => {
    await api.createSecret(resource(), "s", { password: "passäß" }, never);
    assert.deepEqual(requests[0]?.body, {
      apiVersion: "v1", kind: "Secret", type: "Opaque", data: { password: "cGFzc8Okw58=" },
      metadata: {
        namespace: "n", name: "s", labels: { "pgrs.dev/name": "a" },
        ownerReferences: [{ apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet", name: "a", uid: "u-1", controller: true }],
      },
    });
    assert.ok(await failure(api.createSecret(resource(), "s", {}, never)) instanceof Conflict);
  }));

test("keys of a Secret are set, and others stay; one that is gone is a Conflict", () =>
  withFake({ [`PATCH ${secrets}/s`]: [ok({}), missing("s"), status(403, "Forbidden")] }, async ({ api, requests }) => {
    await api.updateSecret({ namespace: "n", name: "s" }, { uri: "ä" }, never);
    assert.equal(requests[0]?.headers["content-type"], "application/merge-patch+json");
    assert.deepEqual(requests[0]?.body, { data: { uri: "w6Q=" } });
    assert.ok(await failure(api.updateSecret({ namespace: "n", name: "s" }, {}, never)) instanceof Conflict);
    assert.ok(await failure(api.updateSecret({ namespace: "n", name: "s" }, {}, never)) instanceof Terminal);
  }));

test("the installation is the uid of kube-system", () =>
  withFake({ "GET /api/v1/namespaces/kube-system": [ok({ metadata: { uid: "k-1" } }), ok({}), status(403, "Forbidden")] }, async ({ api }) => {
    assert.equal(await api.installationId(never), "k-1");
    assert.ok(await failure(api.installationId(never)) instanceof Transient);
    assert.ok(await failure(api.installationId(never)) instanceof Terminal);
  }));

const page = (names: readonly string[], next = "") => ok({ metadata: { resourceVersion: "9", continue: next }, items: names.map((name) => ({ metadata: { name } })) });

test("a list is read page by page", () =>
  withFake({ [`GET ${collection}`]: [page(["a", "b"], "more"), page(["c"])] }, async ({ api, requests }) => {
    const { resourceVersion, items } = await api.list(never);
    assert.equal(resourceVersion, "9");
    assert.deepEqual(items, [{ metadata: { name: "a" } }, { metadata: { name: "b" } }, { metadata: { name: "c" } }]);
    assert.deepEqual(requests.map(({ query }) => query), [{ limit: "500" }, { limit: "500", continue: "more" }]);
  }));

test("a list that expires between pages starts over, but not for ever", () =>
  withFake({ [`GET ${collection}`]: [page(["a"], "more"), status(410, "Expired"), page(["b"]), ...Array.from({ length: 3 }, () => [page(["a"], "more"), status(410, "Expired")]).flat()] },
    async ({ api }) => {
      assert.deepEqual((await api.list(never)).items, [{ metadata: { name: "b" } }]);
      assert.ok(await failure(api.list(never)) instanceof Transient);
    }));

test("a list that is none is Transient; one namespace can be asked for alone", () =>
  withFake({ "GET /apis/pgrs.dev/v1alpha1/namespaces/n/postgresreplicasets": [ok({ items: [] }), ok({ metadata: { resourceVersion: "1" } })] }, async ({ api }) => {
    for (let each = 0; each < 2; each += 1) assert.match((await failure(api.list(never))).message, /the answer is no list/);
  }, { namespace: "n" }));

const added = JSON.stringify({ type: "ADDED", object: { metadata: { name: "ä" } } });

test("a watch asks for bookmarks, hands over events in order, and ends when the stream closes", () =>
  withFake({ [`GET ${collection}`]: [say(added, "", JSON.stringify({ type: "BOOKMARK", object: {} }))] }, async ({ api, requests }) => {
    const events: StreamEvent[] = [];
    await api.watch("7", (event) => events.push(event), never);
    assert.deepEqual(requests[0]?.query, { watch: "true", allowWatchBookmarks: "true", resourceVersion: "7" });
    assert.deepEqual(events, [{ type: "ADDED", object: { metadata: { name: "ä" } } }, { type: "BOOKMARK", object: {} }]);
  }));

test("events cut anywhere arrive whole, the last one without an end of line too", () =>
  withFake({ [`GET ${collection}`]: [(response) => {
    const bytes = Buffer.from(`${added}\n${added}`);
    const write = (from: number): void => {
      if (from >= bytes.length) return void response.end();
      response.write(bytes.subarray(from, from + 7), () => write(from + 7));
    };
    write(0);
  }] }, async ({ api }) => {
    const events: StreamEvent[] = [];
    await api.watch("7", (event) => events.push(event), never);
    assert.equal(JSON.stringify(events), `[${added},${added}]`);
  }));

test("an expired version is an ERROR event, and the end", () =>
  withFake({ [`GET ${collection}`]: [status(410, "Expired", "too old resource version")] }, async ({ api }) => {
    const events: StreamEvent[] = [];
    await api.watch("7", (event) => events.push(event), never);
    assert.deepEqual(events.map(({ type, object }) => [type, (object as { code: number }).code]), [["ERROR", 410]]);
  }));

const brokenStreams = [
  { when: "is refused", reply: status(403, "Forbidden"), means: Terminal },
  { when: "is not served", reply: status(404, "NotFound"), means: Transient },
  { when: "does not open", reply: hang, means: Transient },
  { when: "is dropped before it opens", reply: drop, means: Transient },
  { when: "says no JSON", reply: say("<html>"), means: Transient },
  { when: "says no event", reply: say("[]"), means: Transient },
];
for (const { when, reply, means } of brokenStreams) {
  test(`a watch that ${when} is ${means.name}`, () =>
    withFake({ [`GET ${collection}`]: [reply] }, async ({ api }) => {
      assert.ok(await failure(api.watch("7", () => undefined, never)) instanceof means);
    }, { timeoutMs: 200 }));
}

test("a watch that breaks after an event has handed it over, and is Transient", () =>
  withFake({ [`GET ${collection}`]: [(response) => { response.writeHead(200).write(`${added}\n`, () => setImmediate(() => response.destroy())); }] }, async ({ api }) => {
    const events: StreamEvent[] = [];
    assert.ok(await failure(api.watch("7", (event) => events.push(event), never)) instanceof Transient);
    assert.equal(events.length, 1);
  }));

test("an open watch outlives the time to open, and ends by its signal", () =>
  withFake({ [`GET ${collection}`]: [(response) => { response.writeHead(200).write(`${added}\n`); }], [`GET ${path}`]: [hang] }, async ({ api }) => {
    const stop = new AbortController();
    const heard = Promise.withResolvers<void>();
    const watching = failure(api.watch("7", () => heard.resolve(), stop.signal));
    await heard.promise;
    await failure(api.get(key, never)); // as long as a watch may take to open
    let isOpen = true;
    void watching.then(() => { isOpen = false; });
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(isOpen);
    stop.abort(new Error("stopping"));
    assert.ok(await watching instanceof Transient);
  }, { timeoutMs: 200 }));
