import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hbaProblems, renderHba, type HbaRules } from "../../src/postgres/hba.ts";
import { traitsOf } from "../../src/postgres/versions.ts";
import { bad, good } from "./hba-lines.ts";

const rules = (wanted: Partial<HbaRules> = {}): HbaRules => ({
  traits: traitsOf("17"), superuser: "postgres", replicationUser: "replicator", managementSubnets: ["172.17.0.0/16"],
  replicationSubnets: ["10.10.0.0/24"], clientSubnets: ["192.168.11.0/24"], lines: [], ...wanted,
});
const entries = (wanted?: Partial<HbaRules>): string[] => renderHba(rules(wanted)).split("\n").filter((line) => line !== "" && !line.startsWith("#"));

const own = [
  "local all all peer",
  "local replication all peer",
  'host all "postgres" 172.17.0.0/16 scram-sha-256',
  'host replication "replicator" 10.10.0.0/24 scram-sha-256',
  'host postgres "replicator" 10.10.0.0/24 scram-sha-256',
];

test("the operator's lines come first, then open client subnets", () => {
  assert.deepEqual(entries(), [...own, "host all all 192.168.11.0/24 scram-sha-256"]);
});

test("a user's lines replace those of client subnets, and never come first", () => {
  assert.deepEqual(entries({ lines: ["host all all all reject"] }), [...own, "host all all all reject"]);
});

test("before 10 passwords are md5", () => {
  assert.deepEqual(entries({ traits: traitsOf("9.6") }).filter((line) => line.includes("scram")), []);
  assert.equal(entries({ traits: traitsOf("9.6") }).filter((line) => line.endsWith(" md5")).length, 4);
});

test("our own lines have no problems in any version", () => {
  for (const version of ["9.3", "10", "18"]) assert.deepEqual(hbaProblems(renderHba(rules({ traits: traitsOf(version) })).split("\n"), traitsOf(version)), []);
});

for (const line of good) test(`fine: ${line}`, () => { assert.deepEqual(hbaProblems([line], traitsOf("18")), []); });

for (const [line, message, version] of bad) {
  test(`refused: ${JSON.stringify(line)}`, () => {
    const problems = hbaProblems([line], version === undefined ? undefined : traitsOf(version));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", message);
    assert.ok(problems[0]?.startsWith(`${JSON.stringify(line)}: `));
  });
}

test("each bad line has its sentence", () => {
  assert.equal(hbaProblems(["x", "host all all all md5", "y"]).length, 2);
});

test("any line is answered", () => {
  const word = fc.constantFrom("host", "local", "all", "10.0.0.0/8", "md5", '"', ",", "#", "\\", " ", "\t", "a=b", "::1");
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(word).map((words) => words.join(" ")), fc.array(word).map((words) => words.join(""))), (line) => hbaProblems([line]).length <= 1));
});
