import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hbaProblems, renderHba, type HbaRules } from "../../src/postgres/hba.ts";
import { traitsOf } from "../../src/postgres/versions.ts";

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

const good = [
  "", "   ", "# anything \" at all", "host all all 192.168.11.0/24 scram-sha-256", "host\tapp,other  app, more 10.0.0.1/32 md5 # note \"", "local all all peer map=x", "local all all trust",
  "hostssl all all 0.0.0.0/0 cert clientcert=verify-full", 'host "my db" "Role" samenet password', "host all all 10.0.0.1 255.255.255.255 md5", "host all all fd00::/64 md5", "host all all ::1/128 md5",
  "host all all ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff md5", "host all all .example.com md5", "host all all client-1.example.com md5", "host all +group all reject", "hostnossl sameuser all samehost md5",
  'host all all 10.0.0.0/8 ldap ldapserver=x "ldapprefix=cn="', "host replication all 0.0.0.0/0 md5", "hostgssenc all all all gss", "host all,\"b\" all all md5",
];
for (const line of good) test(`fine: ${line}`, () => { assert.deepEqual(hbaProblems([line], traitsOf("18")), []); });

const bad: readonly (readonly [string, RegExp, string?])[] = [
  ["hots all all all md5", /begins with "hots"; write local, host/], ["host", /names no database or no user/], ["host all", /names no database or no user/], ["host all all", /names no address/],
  ["host all all md5", /has no method/], ["host all all 10.0.0.0/24", /has no method; end it with one/], ["local all all", /has no method/], ["host all all 10.0.0.0/33 md5", /no subnet; write it like/],
  ["host all all 10.0.0/24 md5", /no subnet/], ["host all all 10.0.0.256/24 md5", /no subnet/], ["host all all 10.0.0.0/ md5", /no subnet/], ["host all all 10.0.0.0/8/8 md5", /no subnet/], ["host all all fd00::/129 md5", /no subnet/],
  ["host all all db/24 md5", /no subnet/], ["host all all 10.0.0.1 md5", /no prefix length; write 10\.0\.0\.1\/32/], ["host all all fd00::1 md5", /write fd00::1\/128/], ["host all all 10.0.0.1 255.255.255.256 md5", /no prefix length/],
  ["host all all 10.0.0 md5", /is no address/], ["host all all a,b md5", /is no address/], ["host all all all scram", /"scram" is no method; write one of trust/], ["host all all all peer", /local connections only; write scram-sha-256/],
  ["host all all all cert", /hostssl connections only/], ["host all all all toString", /is no method/], ["host all all all ldap server", /write options as name=value/], ['host all "all all md5', /has a " without its partner/],
  ["include other.conf", /write its lines here/], ["include_dir d", /write its lines here/], ["host all all all md5\nhost all all all trust", /line break; write one line per entry/], ["host all all all md5 \\", /backslash/],
  ["host all all all scram-sha-256", /PostgreSQL 9\.6 has no method scram-sha-256; write md5/, "9.6"], ["hostgssenc all all all md5", /came with PostgreSQL 12; write host/, "11"], ["host all all all oauth", /has no method oauth/, "17"],
];
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
