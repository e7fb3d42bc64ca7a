import assert from "node:assert/strict";
import { test } from "node:test";
import { dataDirectoryOf, mountPathOf, supportedVersions, traitsOf, versionOf, type Traits } from "../../src/postgres/versions.ts";

// Each row: a trait, and its values with the first version that has them.
const rows: readonly (readonly [keyof Traits, Readonly<Record<string, unknown>>])[] = [
  ["recovery", { "9.3": "recovery.conf", "12": "standby.signal" }],
  ["promoteBySql", { "9.3": false, "12": true }],
  ["reloadsConninfo", { "9.3": false, "13": true }],
  ["syncNames", { "9.3": "one", "9.6": "several", "10": "quorum" }],
  ["slots", { "9.3": false, "9.4": true }],
  ["slotsReserveAtOnce", { "9.3": false, "9.6": true }],
  ["slotsAreBounded", { "9.3": false, "13": true }],
  ["advancesSlots", { "9.3": false, "11": true }],
  ["rewindsWithoutSuperuser", { "9.3": false, "11": true }],
  ["passfile", { "9.3": false, "10": true }],
  ["passwordEncryption", { "9.3": "md5", "10": "scram-sha-256" }],
  ["functions", { "9.3": "xlog", "10": "wal" }],
  ["walKeep", { "9.3": "wal_keep_segments", "13": "wal_keep_size" }],
  ["walLevel", { "9.3": "hot_standby", "9.6": "replica" }],
  ["initdbIsMinimal", { "9.3": true, "10": false }],
  ["pendingRestart", { "9.3": false, "9.5": true }],
  ["controlFunctions", { "9.3": false, "9.6": true }],
  ["hbaView", { "9.3": false, "10": true }],
  ["senderColumns", { "9.3": false, "11": true }],
  ["flushedColumn", { "9.3": false, "13": true }],
  ["replyTime", { "9.3": false, "12": true }],
  ["allowAlterSystem", { "9.3": false, "17": true }],
  ["volumeAboveMajor", { "9.3": false, "18": true }],
];

for (const [trait, values] of rows) {
  test(`${trait} changes at ${Object.keys(values).join(", ")}`, () => {
    let expected: unknown;
    for (const version of supportedVersions) {
      expected = version in values ? values[version] : expected;
      assert.equal(traitsOf(version)[trait], expected, version);
    }
  });
}

test("every trait but the names has its row", () => {
  const names = ["version", "number", "major"];
  assert.deepEqual(Object.keys(traitsOf("17")).filter((trait) => !names.includes(trait)).toSorted(), rows.map(([trait]) => trait).toSorted());
});

test("a version is read back from what the server counts", () => {
  for (const version of supportedVersions) {
    assert.equal(versionOf(traitsOf(version).number), version);
    assert.equal(versionOf(traitsOf(version).number + 24), version);
    assert.equal(traitsOf(version).major, version);
  }
  assert.equal(traitsOf("9.6").number, 90_600);
  assert.equal(traitsOf("17").number, 170_000);
});

for (const version of ["", "8.4", "9", "9.7", "17.4", "19", "10.0", "latest"]) {
  test(`${JSON.stringify(version)} is refused with the versions that can be written`, () => {
    assert.throws(() => traitsOf(version), { name: "RangeError", message: /is not supported; write one of 9\.3, .*, 18$/ });
  });
}

test("the volume is mounted as the official images of the version want it", () => {
  assert.equal(mountPathOf(traitsOf("17")), "/var/lib/postgresql/data");
  assert.equal(mountPathOf(traitsOf("18")), "/var/lib/postgresql");
  assert.equal(dataDirectoryOf(traitsOf("9.3")), "/var/lib/postgresql/data/pgdata");
  assert.equal(dataDirectoryOf(traitsOf("18")), "/var/lib/postgresql/pgdata");
});
