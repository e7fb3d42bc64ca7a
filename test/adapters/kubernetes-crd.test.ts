import assert from "node:assert/strict";
import { test } from "node:test";
import { Terminal, Transient } from "../../src/errors.ts";
import { drop, failure, missing, never, ok, status, withFake } from "./kubernetes-fake.ts";
import type { Reply, Request } from "./kubernetes-fake.ts";

const name = "things.example.dev";
const all = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const one = `${all}/${name}`;
const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name }, spec: { group: "example.dev", versions: [{ name: "v1", served: true }] } };

const established = { conditions: [{ type: "NamesAccepted", status: "True" }, { type: "Established", status: "True" }] };
type Stored = Readonly<Record<string, unknown>>;

/** The definition as a server has it after it was sent: with a version, defaults and conditions. */
const stored = async (): Promise<Stored> => {
  let sent: Stored = {};
  await withFake({ [`GET ${one}`]: [missing(name)], [`POST ${all}`]: [{ code: 201, body: { status: established } }] }, async ({ api, requests }) => {
    await api.ensureCrd(crd, never);
    sent = requests.at(-1)?.body ?? {};
  });
  const metadata = { ...(sent.metadata as Stored), resourceVersion: "3", uid: "c-1" };
  return { ...sent, metadata, spec: { group: "example.dev", conversion: { strategy: "None" }, versions: [{ name: "v1", served: true, storage: true }] }, status: established };
};

/** Installs against these replies and returns what was asked. */
const install = async (replies: Readonly<Record<string, readonly Reply[]>>, definition: object = crd): Promise<readonly Request[]> => {
  let asked: readonly Request[] = [];
  await withFake(replies, async ({ api, requests }) => {
    asked = requests;
    await api.ensureCrd(definition, never);
  });
  return asked;
};

test("it is made when absent, and waited for", async () => {
  const asked = await install({ [`GET ${one}`]: [missing(name), missing(name), ok(await stored())], [`POST ${all}`]: [{ code: 201, body: {} }, status(409, "AlreadyExists")] });
  assert.deepEqual(asked.map(({ line }) => line), [`GET ${one}`, `POST ${all}`, `GET ${one}`, `POST ${all}`, `GET ${one}`]);
});

test("one that is as wanted is not written, whatever the server added", async () => {
  assert.deepEqual((await install({ [`GET ${one}`]: [ok(await stored())] })).map(({ line }) => line), [`GET ${one}`]);
});

const changes: readonly { readonly when: string; readonly change: (there: Stored) => Stored }[] = [
  { when: "it was installed by hand", change: (there: Stored) => ({ ...there, metadata: { name, resourceVersion: "3", labels: { by: "hand" } } }) },
  { when: "it was edited since", change: (there: Stored) => ({ ...there, spec: { ...(there.spec as Stored), group: "other.dev" } }) },
  { when: "a version was added since", change: (there: Stored) => ({ ...there, spec: { group: "example.dev", versions: [{ name: "v1", served: true }, { name: "v2" }] } }) },
];
for (const { when, change } of changes) {
  test(`it is replaced at its version when ${when}`, async () => {
    const there = change(await stored());
    const asked = await install({ [`GET ${one}`]: [ok(there)], [`PUT ${one}`]: [ok(await stored())] });
    const { spec, metadata } = asked[1]?.body ?? {};
    assert.deepEqual(spec, crd.spec);
    assert.equal((metadata as Stored).resourceVersion, "3");
    assert.deepEqual((metadata as Stored).labels, (there.metadata as Stored).labels ?? {});
  });
}

test("a part removed from the definition is a difference too", async () => {
  const smaller = { ...crd, spec: { group: "example.dev" } };
  const asked = await install({ [`GET ${one}`]: [ok(await stored())], [`PUT ${one}`]: [ok(await stored())] }, smaller);
  assert.deepEqual(asked[1]?.body.spec, smaller.spec);
});

test("a definition that others replace or remove meanwhile is looked at again", async () => {
  const foreign = ok({ metadata: { name, resourceVersion: "3" }, spec: {} });
  const asked = await install({ [`GET ${one}`]: [foreign, foreign, ok(await stored())], [`PUT ${one}`]: [status(409, "Conflict"), missing(name)] });
  assert.equal(asked.length, 5);
});

test("a server that is away for a moment is asked again", async () => {
  assert.equal((await install({ [`GET ${one}`]: [drop, status(503, "ServiceUnavailable"), ok(await stored())] })).length, 3);
});

test("names that another definition has are Terminal, and so is a refusal where there is none yet", () => {
  const refused = { conditions: [{ type: "NamesAccepted", status: "False", message: "\"things\" is already in use" }] };
  return withFake({ [`GET ${one}`]: [missing(name), missing(name)], [`POST ${all}`]: [{ code: 201, body: { status: refused } }, status(403, "Forbidden")] }, async ({ api }) => {
    const error = await failure(api.ensureCrd(crd, never));
    assert.ok(error instanceof Terminal);
    assert.match(error.message, /another definition has its names: "things" is already in use/);
    assert.ok(await failure(api.ensureCrd(crd, never)) instanceof Terminal);
  });
});

const served: readonly { readonly what: string; readonly spec: object; readonly expect: string }[] = [
  { what: "the wanted one, installed by hand", spec: { group: "example.dev", versions: [{ name: "v1", served: true, storage: true }] }, expect: "as wanted" },
  { what: "one of another release", spec: { group: "example.dev", versions: [{ name: "v1", served: false }] }, expect: "older or newer" },
];
for (const { what, spec, expect } of served) {
  test(`an account that may not replace it works with ${what}`, () => {
    const there = ok({ metadata: { name, resourceVersion: "3" }, spec, status: established });
    return withFake({ [`GET ${one}`]: [there], [`PUT ${one}`]: [status(403, "Forbidden")] }, async ({ api }) => {
      assert.equal(await api.ensureCrd(crd, never), expect);
    });
  });
}

test("an abort ends the wait", () => withFake({ [`GET ${one}`]: [drop] }, async ({ api }) => {
  const stop = new AbortController();
  const waiting = failure(api.ensureCrd(crd, stop.signal));
  stop.abort(new Transient("stopping"));
  assert.match((await waiting).message, /stopping|GET/);
}));
