// The other versions of PostgreSQL, each as the smallest cluster: a primary, a standby, a table on both, and its data taken up again.
// (11, 15 and 17 have their own stories in examples.test.ts and lifecycle.test.ts.)
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { buildImage } from "../../src/images/build.ts";
import { answers, hasMembers, hasOneWriter, isGone, isReady, nothingLeft, slotsAre, streams } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { manifest } from "./manifest.ts";
import { subjectOf } from "./subject.ts";

let cluster: Cluster;

before(async () => { cluster = await startCluster(); });
after(() => cluster.stop());

for (const major of ["10", "12", "13", "14", "16", "18"]) {
  scenario(`PostgreSQL ${major} replicates`, () => cluster, async () => {
    await buildImage({ docker: cluster.docker, major, progress: () => undefined });
    const name = `version-${major}`;
    const subject = subjectOf(cluster, name);
    const text = (deletionPolicy: "Retain" | "Delete") => manifest(cluster.docker, name, { replicas: 2, deletionPolicy, postgres: { version: major } });
    const whole = [isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter];
    await cluster.apply(await text("Retain"));
    await subject.becomes(whole);
    assert.ok((await subject.sql(0, "show server_version")).startsWith(major));
    await subject.sql(0, "create table replicated as select 42 as answer");
    await subject.becomes(answers(1, "select answer from replicated", "42"));

    await cluster.kubectl(["delete", `pgrs/${name}`, "--timeout=120s"]);
    await cluster.apply(await text("Delete"));
    await subject.becomes([...whole, answers(0, "select answer from replicated", "42"), answers(1, "select answer from replicated", "42")]);
    await cluster.kubectl(["delete", `pgrs/${name}`, "--timeout=120s"]);
    await subject.becomes([isGone, nothingLeft]);
  });
}
