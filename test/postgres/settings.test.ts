/**
 * A member's files. The goldens under test/golden/postgres are for people to review; after a change that is meant,
 * GOLDEN=write node --test test/postgres/settings.test.ts writes them anew.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { memberConfiguration, parametersHashOf, settingValue, settlingArguments, type MemberConfiguration, type MemberInput } from "../../src/postgres/settings.ts";
import { dataDirectoryOf, supportedVersions, traitsOf } from "../../src/postgres/versions.ts";

const upstream = { host: "10.10.0.1", port: 5432, user: "replicator", slot: "orders_1", passfile: "/var/lib/postgresql/data/passfile", password: "it's secret" };

const input = (version: string, wanted: Partial<MemberInput> = {}): MemberInput => ({
  traits: traitsOf(version), member: "orders-1", dataDirectory: dataDirectoryOf(traitsOf(version)), parameters: {}, hba: [], synchronousStandbyNames: "", epoch: 1,
  managementSubnets: ["172.17.0.0/16"], replicationSubnets: ["10.10.0.0/24"], clientSubnets: ["192.168.11.0/24"], ...wanted,
});
const configured = (version: string, wanted: Partial<MemberInput> = {}): MemberConfiguration => memberConfiguration(input(version, wanted));

/** What the server makes of a file: guc-file.l for the lines, DeescapeQuotedString() for the values. */
function readSettings(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, quoted] = /^([A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?) = '((?:[^'\\\n]|\\.|'')*)'$/.exec(line) ?? [];
    assert.ok(name !== undefined && quoted !== undefined, `not a setting: ${line}`);
    assert.ok(!found.has(name), `${name} stands there twice`);
    found.set(name, quoted.replace(/''|\\([0-7]{1,3})|\\(.)/g, (pair, octal: string | undefined, character: string | undefined) =>
      pair === "''" ? "'" : octal === undefined ? character ?? "" : String.fromCharCode(parseInt(octal, 8))));
  }
  return found;
}
const conf = (configuration: MemberConfiguration, file = "postgresql.conf"): ReadonlyMap<string, string> => readSettings(configuration.files[file] ?? "");

const goldenDirectory = join(import.meta.dirname, "..", "golden", "postgres");
const stories: Readonly<Record<string, MemberInput>> = {
  "9.6-standby.conf": input("9.6", { upstream }),
  "10-primary.conf": input("10", { synchronousStandbyNames: 'ANY 1 ("orders-1", "orders-2")' }),
  "11-standby.conf": input("11", { upstream, hba: ["# the office", "host all all 192.168.11.0/24 md5"] }),
  "12-standby.conf": input("12", { upstream, parameters: { max_connections: "200" } }),
  "17-primary.conf": input("17", {
    parameters: { shared_buffers: "256MB", wal_level: "logical", log_line_prefix: "it's \\ " }, archive: { mode: "On", command: "cp %p /archive/%f" }, maxKeepBytes: 1_000_000_000,
  }),
  "17-standby.conf": input("17", { upstream, maxKeepBytes: 1_000_000_000, archive: { mode: "Always", command: "cp %p /archive/%f" } }),
};
const printed = ({ files }: MemberConfiguration): string => Object.entries(files).map(([file, text]) => `==> ${file} <==\n${text}`).join("\n");

for (const [name, story] of Object.entries(stories)) {
  test(`${name} is as reviewed`, () => {
    const text = printed(memberConfiguration(story));
    if (process.env["GOLDEN"] === "write") writeFileSync(join(goldenDirectory, name), text);
    assert.equal(text, readFileSync(join(goldenDirectory, name), "utf8"));
  });
}

test("every golden has its test", () => {
  assert.deepEqual(readdirSync(goldenDirectory).toSorted(), Object.keys(stories).toSorted());
});

for (const version of supportedVersions) {
  test(`${version}: every start is read-only, with and without an upstream`, () => {
    for (const wanted of [{}, { upstream }]) {
      const made = configured(version, wanted);
      const file = Number(version) < 12 ? "recovery.conf" : "standby.signal";
      assert.ok(file in made.files);
      const recovery = conf(made, file === "recovery.conf" ? file : "postgresql.conf");
      assert.equal(recovery.get("recovery_target_timeline"), "latest");
      if (file === "recovery.conf") assert.equal(recovery.get("standby_mode"), "on");
      assert.equal((recovery.get("primary_conninfo") ?? "") !== "", "upstream" in wanted);
      assert.equal(recovery.get("primary_slot_name") ?? "", "upstream" in wanted && version !== "9.3" ? "orders_1" : "");
    }
  });

  test(`${version}: the password stands in a file of its own where libpq can find it`, () => {
    const made = configured(version, { upstream });
    assert.equal(printed(made).includes("secret"), Number(version) < 10);
    assert.equal(printed(made).includes("passfile="), Number(version) >= 10);
  });

  test(`${version}: the user's parameters win over defaults, and lose against what the operator keeps`, () => {
    const settings = conf(configured(version, { parameters: { Shared_Buffers: "1GB", port: "1", "recovery_target_action": "promote", "bad name": "x", wal_level: "minimal" } }));
    assert.equal(settings.get("shared_buffers"), "1GB");
    assert.equal(settings.get("port"), "5432");
    assert.equal(settings.has("recovery_target_action"), false);
    assert.equal(settings.get("wal_level"), Number(version) < 9.6 ? "hot_standby" : "replica");
  });
}

test("settings come with the versions that know them", () => {
  const since: Readonly<Record<string, number>> = {
    max_replication_slots: 9.4, wal_log_hints: 9.4, wal_retrieve_retry_interval: 9.5, cluster_name: 9.5, wal_keep_size: 13, max_slot_wal_keep_size: 13, allow_alter_system: 17,
  };
  for (const version of supportedVersions) {
    const settings = conf(configured(version, { maxKeepBytes: 1 }));
    for (const [name, first] of Object.entries(since)) assert.equal(settings.has(name), Number(version) >= first, `${name} in ${version}`);
    assert.equal(settings.has("wal_keep_segments"), Number(version) < 13, version);
    assert.equal("postgresql.auto.conf" in configured(version).files, Number(version) >= 9.4, version);
  }
});

test("archiving follows the spec, and always is on before 9.5", () => {
  const archive = { mode: "Always", command: "cp %p '/a b/%f'" } as const;
  assert.equal(conf(configured("9.4", { archive })).get("archive_mode"), "on");
  assert.equal(conf(configured("9.5", { archive })).get("archive_mode"), "always");
  assert.equal(conf(configured("17", { archive: { ...archive, mode: "On" } })).get("archive_mode"), "on");
  assert.equal(conf(configured("17", { archive })).get("archive_command"), archive.command);
  assert.equal(conf(configured("17")).get("archive_mode"), "off");
});

test("what a slot may keep is rounded up to whole megabytes", () => {
  assert.equal(conf(configured("17", { maxKeepBytes: 1_000_000_000 })).get("max_slot_wal_keep_size"), "954MB");
  assert.equal(conf(configured("17")).has("max_slot_wal_keep_size"), false);
});

test("the server tells back what it has loaded", () => {
  const made = configured("17", { parameters: { work_mem: "5MB" } });
  assert.equal(conf(made).get("pgrs.config_hash"), made.hash);
  assert.equal(conf(made).get("pgrs.parameters_hash"), made.parametersHash);
  assert.equal(made.parametersHash, parametersHashOf({ WORK_MEM: "5MB", port: "1" }));
});

test("any change is another hash, and only the user's parameters are in theirs", () => {
  const changes: readonly Partial<MemberInput>[] = [
    {}, { member: "orders-2" }, { parameters: { work_mem: "5MB" } }, { hba: ["host all all all md5"] }, { managementSubnets: ["172.18.0.0/16"] }, { replicationSubnets: [] },
    { clientSubnets: [] }, { upstream }, { upstream: { ...upstream, host: "10.10.0.2" } }, { upstream: { ...upstream, slot: undefined } }, { synchronousStandbyNames: '"a"' },
    { archive: { mode: "On", command: "x" } }, { maxKeepBytes: 1 }, { superuser: "root" }, { replicationUser: "other" },
  ];
  for (const version of ["11", "17"]) {
    const made = changes.filter((change) => version === "17" || change.maxKeepBytes === undefined).map((change) => configured(version, change));
    assert.equal(new Set(made.map(({ hash }) => hash)).size, made.length);
    assert.equal(new Set(made.map(({ parametersHash }) => parametersHash)).size, 2);
  }
});

const anyName = fc.stringMatching(/^[a-z_][a-z0-9_$]{0,10}(\.[a-z_][a-z0-9_$]{0,10})?$/);
const anyValue = fc.oneof(fc.string({ unit: "grapheme", maxLength: 30 }), fc.stringMatching(/^['\\\n\r\t0-7]{0,12}$/)).filter((text) => !text.includes("\0"));

test("any value comes back as it went, and no value makes a line of its own", () => {
  fc.assert(fc.property(anyValue, (value) => {
    assert.equal(readSettings(`a = ${settingValue(value)}`).get("a"), value);
    assert.doesNotMatch(settingValue(value), /[\n\r]/);
  }));
  assert.throws(() => settingValue("a\0b"), RangeError);
});

test("any parameters make a file that can be read, the same in whatever order they come", () => {
  fc.assert(fc.property(fc.dictionary(anyName, anyValue, { maxKeys: 8, noNullPrototype: true }), fc.constantFrom("9.3", "11", "18"), (parameters, version) => {
    const made = configured(version, { parameters });
    conf(made);
    assert.deepEqual(configured(version, { parameters: Object.fromEntries(Object.entries(parameters).reverse()) }), made);
  }));
});

test("the input is left as it was", () => {
  const frozen = Object.freeze(input("17", { parameters: Object.freeze({ work_mem: "1MB" }), hba: Object.freeze(["host all all all md5"]) }));
  assert.deepEqual(memberConfiguration(frozen), memberConfiguration(frozen));
});

const settling: readonly { version: string; parameters: Record<string, string>; args: readonly string[] }[] = [
  { version: "17", parameters: {}, args: [] },
  { version: "17", parameters: { max_connections: "200", work_mem: "1", max_wal_senders: "10" }, args: [] },
  { version: "17", parameters: { max_wal_senders: "9", Max_Connections: "50" }, args: ["-c", "max_connections=50", "-c", "max_wal_senders=9"] },
  { version: "17", parameters: { max_connections: "few", max_worker_processes: "-1" }, args: [] },
  { version: "10", parameters: {}, args: [] },
  { version: "9.6", parameters: {}, args: ["-c", "wal_level=replica"] },
  { version: "9.3", parameters: { max_connections: "50" }, args: ["-c", "wal_level=hot_standby", "-c", "max_connections=50"] },
];
for (const { version, parameters, args } of settling) {
  test(`${version} with ${JSON.stringify(parameters)} is settled by [${args.join(" ")}]`, () => { assert.deepEqual(settlingArguments(traitsOf(version), parameters), args); });
}
