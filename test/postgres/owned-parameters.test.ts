import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isOwned, ownedParameterProblem, ownedParameters, parameterProblem, parameterProblems } from "../../src/postgres/owned-parameters.ts";

const owned: readonly (readonly [string, RegExp])[] = [
  ["primary_conninfo", /points each standby at its primary/], ["primary_slot_name", /spec\.replication\.slots/], ["synchronous_standby_names", /spec\.replication\.mode/],
  ["listen_addresses", /spec\.postgres\.hba/], ["port", /5432/], ["PORT", /5432/], ["recovery_target", /only the operator promotes/], ["recovery_target_action", /leave it out/],
  ["restore_command", /slots/], ["hba_file", /spec\.postgres\.hba/], ["archive_mode", /spec\.archive/], ["include_dir", /spec\.postgres\.parameters/], ["include", /parameters/],
  ["pgrs.config_hash", /leave it out/], ["promote_trigger_file", /promotes/], ["trigger_file", /promotes/], ["recovery_min_apply_delay", /take over/],
];
for (const [name, message] of owned) {
  test(`${name} is the operator's, and the sentence says what to use instead`, () => {
    assert.ok(isOwned(name));
    assert.match(ownedParameterProblem(name) ?? "", message);
    assert.ok(ownedParameterProblem(name)?.startsWith(`${name} is kept by the operator: `));
  });
}

for (const name of ["shared_buffers", "wal_level", "hot_standby_feedback", "synchronous_commit", "ssl", "archive_timeout", "port_", "constructor", "__proto__", "toString"]) {
  test(`${name} is the user's`, () => { assert.equal(isOwned(name), false); assert.equal(ownedParameterProblem(name), undefined); });
}

const refused: readonly (readonly [string, string, RegExp])[] = [
  ["", "x", /is no name of a setting; write one like work_mem/], ["work mem", "x", /no name/], ["a.b.c", "x", /no name/], ["a\nport", "x", /no name/], ["1a", "x", /no name/],
  ["work_mem", "1\0MB", /NUL/], ["wal_level", "minimal", /too low for standbys; write replica or logical/], ["WAL_LEVEL", "Archive", /too low/], ["port", "1", /kept by the operator/],
];
for (const [name, value, message] of refused) {
  test(`${JSON.stringify(name)} = ${JSON.stringify(value)} is refused`, () => { assert.match(parameterProblem(name, value) ?? "", message); });
}

test("all mistakes are told, sorted, each once", () => {
  assert.deepEqual(parameterProblems({ work_mem: "1MB", Work_Mem: "2MB", port: "1", wal_level: "logical", "x y": "" }).map((problem) => problem.split(" ").slice(0, 3).join(" ")),
    ["port is kept", '"x y" is', "work_mem stands there"]);
  assert.deepEqual(parameterProblems({ shared_buffers: "1GB", "auto_explain.log_min_duration": "1s" }), []);
});

test("any name is answered", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (name, value) => { const problem = parameterProblem(name, value); return problem === undefined || problem.length > 0; }));
});

test("every sentence says what to do", () => {
  for (const sentence of Object.values(ownedParameters)) assert.match(sentence, /set spec|leave it out|spec\.postgres/);
});
