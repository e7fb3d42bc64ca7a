// Settings: reloaded where that is enough, restarted in turn where not, and what PostgreSQL refuses never takes a server down.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { answers, condition, hasOneWriter, isReady, livesOf, notRecreated, notRestarted, streams } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { manifest } from "./manifest.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
let tuned: Subject;

before(async () => {
  cluster = await startCluster();
  tuned = subjectOf(cluster, "tuned");
  await cluster.apply(await manifest(cluster.docker, "tuned", { replicas: 3, postgres: { version: "17", parameters: { work_mem: "5MB" } } }));
  await tuned.becomes([isReady, streams(1, 2)]);
});
after(() => cluster.stop());

const everyone = [0, 1, 2] as const;
const set = (postgres: object): Promise<string> => cluster.kubectl(["patch", "pgrs/tuned", "--type=merge", "-p", JSON.stringify({ spec: { postgres } })]);
const shows = (name: string, value: string): readonly Check[] => everyone.map((ordinal) => answers(ordinal, `show ${name}`, value));
const applied = condition("ConfigApplied", { status: "True" });

scenario("a setting that a reload takes is reloaded, and nobody is restarted", () => cluster, async () => {
  const lives = await livesOf(tuned, ...everyone);
  await set({ parameters: { work_mem: "7MB" } });
  await tuned.becomes([isReady, applied, ...shows("work_mem", "7MB"), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
});

scenario("a setting that needs a restart restarts everybody in turn, the primary last", () => cluster, async () => {
  const lives = await livesOf(tuned, ...everyone);
  await set({ parameters: { max_connections: "150" } });
  await tuned.becomes([...shows("max_connections", "150"), isReady, applied, streams(1, 2), hasOneWriter, ...lives.map((life, ordinal) => notRecreated(ordinal, life))], 180);
  const [primary = "", first = "", second = ""] = (await livesOf(tuned, ...everyone)).map(({ startedAt }) => startedAt);
  assert.ok(first < second && second < primary, `started: primary ${primary}, standbys ${first}, ${second}`);
});

scenario("a value that PostgreSQL refuses is named, and all go on with the last good settings", () => cluster, async () => {
  const lives = await livesOf(tuned, ...everyone);
  await set({ parameters: { work_mem: "banana" } });
  await tuned.becomes(condition("ConfigApplied", { status: "False", reason: "InvalidParameter", message: /work_mem.*banana/s }));
  await tuned.becomes([condition("Available", { status: "True" }), streams(1, 2), ...shows("work_mem", "7MB"), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
  await set({ parameters: { work_mem: "9MB" } });
  await tuned.becomes([isReady, applied, ...shows("work_mem", "9MB"), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
});

scenario("settings that no server starts with are given up, and the members come back with the last good ones", () => cluster, async () => {
  await set({ parameters: { shared_buffers: "7000GB" } });
  await tuned.becomes(condition("ConfigApplied", { status: "False", reason: "InvalidParameter" }), 180);
  await tuned.becomes([condition("Available", { status: "True" }), streams(1, 2), hasOneWriter, ...shows("shared_buffers", "128MB")], 180);
  await set({ parameters: { shared_buffers: "96MB" } });
  await tuned.becomes([isReady, applied, streams(1, 2), hasOneWriter, ...shows("shared_buffers", "96MB")], 240);
});

scenario("a line of pg_hba.conf that PostgreSQL refuses is named, and the old rules stay", () => cluster, async () => {
  await set({ hba: ["host all all not-an-address scram-sha-256 extra=1"] });
  await tuned.becomes(async (subject) => {
    const { status: { conditions = [] } } = await subject.get();
    const found = conditions.find(({ type, status }) => type === "Ready" && status !== "True");
    return found !== undefined && /hba/.test(found.message) ? undefined : `Ready says: ${found?.reason ?? "True"} ${found?.message ?? ""}`;
  });
  assert.equal(await tuned.sql(0, "select 1"), "1");
  await set({ hba: ["host all all 10.0.0.0/8 scram-sha-256"] });
  await tuned.becomes([isReady, applied]);
});
