/**
 * Random histories of applies and updates by several managers, against Kubernetes' own server of custom resources and
 * against our functions: values, owners and conflicts must be the same after every step.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serverSideApply } from "../../src/apiserver/apply.ts";
import { recordUpdate } from "../../src/apiserver/managed-fields.ts";
import { mergePatch } from "../../src/apiserver/patch.ts";
import { Refusal, type Status } from "../../src/apiserver/problems.ts";
import { eventually } from "../apiserver/harness.ts";
import { gizmo } from "../apiserver/gizmo.ts";
import { assetsFor, startReal, type RealServer } from "./real.ts";
import { requestJson } from "./requests.ts";
import { applyPatch, definitions, merge } from "./scenarios/widget.ts";
import type { KubeObject } from "../../src/apiserver/kind.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const stepsPerSeed = 10;
const root = "/apis/example.com/v1/namespaces/default/gizmos";

/** A small generator: the same seed gives the same history everywhere. */
class Chance {
  #state: number;
  constructor(seed: number) { this.#state = seed * 2654435761 % 2147483647; }
  next(): number {
    this.#state = this.#state * 48271 % 2147483647;
    return this.#state / 2147483647;
  }
  happens(share = 0.4): boolean { return this.next() < share; }
  below(bound: number): number { return Math.floor(this.next() * bound); }
  some<T>(values: readonly T[]): readonly T[] {
    return values.map((value) => ({ value, rank: this.next() })).toSorted((a, b) => a.rank - b.rank).filter(() => this.happens(0.5)).map(({ value }) => value);
  }
  record(model: Readonly<Record<string, () => Json>>, share = 0.4): JsonObject {
    return Object.fromEntries(Object.entries(model).filter(() => this.happens(share)).map(([name, make]) => [name, make()] as const));
  }
}

const anySpec = (chance: Chance): JsonObject => {
  const small = () => chance.below(3);
  const pair = () => chance.record({ x: small, y: small });
  return chance.record({
    n: small, s: () => (chance.happens() ? "a" : "b"),
    users: () => chance.some(["a", "b", "c", "d"]).map((name) => ({ name, ...chance.record({ age: small, opt: pair }) })),
    tags: () => chance.some(["a", "b", "c", "d"]), items: () => chance.some(["a", "b"]), box: pair,
    labels: () => chance.record({ a: () => "x", b: () => (chance.happens() ? "x" : "y"), c: () => "z" }), deep: () => (chance.happens(0.8) ? { p: pair() } : {}),
    any: () => chance.record({ a: small, m: pair, l: () => chance.some([1, 2]) }),
  });
};

type Answer = { readonly code: 200; readonly object: KubeObject } | { readonly code: 409 | 422; readonly status: Pick<Status, "details" | "message"> };

const attempt = (run: () => KubeObject): Answer => {
  try {
    return { code: 200, object: run() };
  } catch (error) {
    assert.ok(error instanceof Refusal && error.status.code === 409, String(error));
    return { code: 409, status: error.status };
  }
};

/** What must be the same: times, versions and the order of conflicts are each server's own. */
const essence = (answer: Answer): unknown => {
  if (answer.code !== 200) return (answer.status.details?.causes ?? []).map(({ field, message }) => `${field ?? ""} ${message?.replace(/ at \S+$/, "") ?? ""}`).toSorted();
  const { metadata, spec, status } = answer.object;
  const owners = (metadata.managedFields ?? []).map(({ manager, operation, subresource = "", fieldsV1 }) => ({ owner: `${manager} ${operation} ${subresource}`, fieldsV1 }));
  return { spec, status, labels: metadata.labels, owners: owners.toSorted((a, b) => (a.owner < b.owner ? -1 : 1)) };
};

const send = async (server: RealServer, method: string, path: string, contentType: string, body: JsonObject): Promise<Answer> => {
  const { code, text } = await requestJson(server, method, path, { body, contentType });
  const value = JSON.parse(text) as unknown;
  if (code === 200 || code === 201) return { code: 200, object: value as KubeObject };
  assert.ok(code === 409 || code === 422, text);
  return { code, status: value as Status };
};

interface Turn { readonly name: string; readonly chance: Chance; readonly live: KubeObject | undefined }
interface Both { readonly said: string; readonly ours: Answer; readonly theirs: Answer }

const applied = async (server: RealServer, { name, chance, live }: Turn, manager: string, isStatus: boolean): Promise<Both> => {
  const force = chance.happens(0.5);
  const labels = chance.happens(0.3) ? { labels: chance.record({ l: () => "x", m: () => "y" }, 0.7) } : {};
  const body = {
    apiVersion: "example.com/v1", kind: "Gizmo", metadata: { name, namespace: "default", ...(isStatus ? {} : labels) },
    ...(isStatus ? { status: chance.record({ n: () => chance.below(3) }, 0.7) } : { spec: anySpec(chance) }),
  };
  const theirs = await send(server, "PATCH", `${root}/${name}${isStatus ? "/status" : ""}?fieldManager=${manager}&force=${String(force)}`, applyPatch, body);
  const ours = attempt(() => serverSideApply({
    kind: gizmo, applied: body, manager, force, now: 0, ...(live === undefined ? {} : { live }), ...(isStatus ? { subresource: "status" } : {}),
  }));
  return { said: `apply ${manager} force=${String(force)} ${JSON.stringify(body)}`, ours, theirs };
};

const patched = async (server: RealServer, { name, chance, live }: Turn & { readonly live: KubeObject }, manager: string, isStatus: boolean): Promise<Both> => {
  const body: JsonObject = isStatus ? { status: chance.record({ n: () => chance.below(3) }, 0.7) } : { spec: anySpec(chance) };
  const theirs = await send(server, "PATCH", `${root}/${name}${isStatus ? "/status" : ""}?fieldManager=${manager}`, merge, body);
  const after = mergePatch(live, body) as unknown as KubeObject;
  const ours = attempt(() => recordUpdate({ kind: gizmo, before: live, after, manager, now: 0, ...(isStatus ? { subresource: "status" } : {}) }));
  return { said: `merge ${manager} ${JSON.stringify(body)}`, ours, theirs };
};

const turn = (server: RealServer, now: Turn): Promise<Both> => {
  const manager = ["a", "b", "c"][now.chance.below(3)] ?? "a";
  const isStatus = now.live !== undefined && now.chance.happens(0.25);
  if (now.live === undefined || now.chance.happens(0.6)) return applied(server, now, manager, isStatus);
  return patched(server, { ...now, live: now.live }, manager, isStatus);
};

const assets = assetsFor("crdserver");
if (assets === undefined) console.error("SKIPPED: random histories of server-side apply: set KUBEBUILDER_ASSETS to a directory with etcd and crdserver");

describe("owners of fields are those that a real server finds", { skip: assets === undefined ? "KUBEBUILDER_ASSETS has no crdserver" : false }, () => {
  let server: RealServer;
  before(async () => {
    server = await startReal("crdserver");
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "gizmos.example.com" },
      spec: {
        group: "example.com", scope: "Namespaced", names: { plural: "gizmos", kind: "Gizmo" },
        // Its ports have a default, which a real server fills in and our functions alone do not; no history uses them.
        versions: [{ name: "v1", served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: gizmo.schema as unknown as JsonObject } }],
      },
    };
    const made = await requestJson(server, "POST", definitions, { body: definition });
    assert.equal(made.code, 201, made.text);
    const probe = { apiVersion: "example.com/v1", kind: "Gizmo", metadata: { name: "probe" } };
    await eventually(async () => (await requestJson(server, "POST", root, { body: probe })).code, (code) => code === 201);
  });
  after(async () => { await server.stop(); });
  for (const seed of seeds) {
    test(`history ${seed}`, async () => {
      const chance = new Chance(seed);
      const said: string[] = [];
      let live: KubeObject | undefined;
      for (let step = 0; step < stepsPerSeed; step += 1) {
        const both = await turn(server, { name: `history-${seed}`, chance, live });
        said.push(both.said);
        // Giving up the last entry of a map makes a real server produce null, which it then refuses; ours leaves it empty.
        if (both.theirs.code === 422) break;
        assert.equal(both.ours.code, both.theirs.code, said.join("\n"));
        assert.deepEqual(essence(both.ours), essence(both.theirs), said.join("\n"));
        if (both.ours.code === 200) live = both.ours.object;
      }
    });
  }
});
