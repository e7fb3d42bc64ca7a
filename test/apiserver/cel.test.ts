import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { celProblems, compileProblems } from "../../src/apiserver/cel.ts";
import type { Json, Rule, Schema } from "../../src/schema/types.ts";

const text: Schema = { type: "string" };
const network: Schema = {
  type: "object", required: ["name"],
  properties: { name: text, subnet: text, addresses: { type: "array", items: text }, if: text },
};
const networks: Schema = { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: network };
const properties: Readonly<Record<string, Schema>> = {
  a: { type: "integer" }, r: { type: "number" }, s: text, q: text, l: { type: "array", items: text }, opt: text, yes: { type: "boolean" },
  dur: { type: "string", format: "duration" }, t: { type: "string", format: "date-time" }, day: { type: "string", format: "date" }, raw: { type: "string", format: "byte" },
  set: { type: "array", "x-kubernetes-list-type": "set", items: text }, m: { type: "object", additionalProperties: text },
  ios: { "x-kubernetes-int-or-string": true }, "x-y": { type: "integer" }, nul: { type: "string", nullable: true }, networks,
  any: { type: "object", "x-kubernetes-preserve-unknown-fields": true }, "a.b/c__d": { type: "integer" }, namespace: text,
};
const example = {
  a: 3, r: 2, s: "aabb", q: "2Gi", l: ["x", "y"], dur: "1m30s", t: "2024-01-01T00:00:00Z", day: "2024-02-29", raw: "AAE=", set: ["a", "b"], m: { k1: "v" }, ios: "80",
  "x-y": 1, nul: null, yes: true, any: { x: 1 }, "a.b/c__d": 7, namespace: "n",
  networks: [{ name: "lan", subnet: "10.0.0.0/24", addresses: ["10.0.0.1"], if: "eth1" }, { name: "repl", subnet: "10.1.0.0/24" }],
};
const withRules = (rules: readonly (string | Rule)[], node: Schema = { type: "object", properties }): Schema => ({
  type: "object",
  properties: { spec: { ...node, "x-kubernetes-validations": rules.map((rule) => (typeof rule === "string" ? { rule } : rule)) } },
});
const messages = (schema: Schema, spec: Json, old?: Json): readonly string[] =>
  celProblems({ schema, value: { spec }, ...(old === undefined ? {} : { old: { spec: old } }) }).map(({ field, message }) => `${field}: ${message}`);

const holding: readonly string[] = [
  "self.networks.all(n, isCIDR(n.subnet))",
  "self.networks.all(n, !has(n.addresses) || n.addresses.all(a, isIP(a) && cidr(n.subnet).containsIP(a)))",
  "self.networks.all(n, self.networks.exists_one(m, m.name == n.name))",
  "self.networks.all(n, !has(n.__if__) || n.__if__ != 'eth0')",
  "size(self.networks) <= 8 && self.networks.filter(n, n.name == 'lan').size() == 1",
  "self.networks.map(n, n.name) == ['lan','repl'] && self.networks[0].addresses[0] == '10.0.0.1'",
  "self.networks[0] in self.networks && !(self.networks[0] == self.networks[1]) && self == self",
  "self.ios == '80' && self.ios != 80 && type(self.ios) == string",
  "self.s.matches('^[[:alpha:]]+$') && matches(self.s, '(?i)AABB') && self.s.find('b+') == 'bb' && self.s.find('z') == ''",
  "self.s.findAll('a').size() == 2 && self.s.findAll('a', 1) == ['a']",
  "quantity(self.q).isGreaterThan(quantity('1Gi')) && quantity('1500m').compareTo(quantity('1.5')) == 0 && !quantity('1500m').isInteger()",
  "quantity('2k').asInteger() == 2000 && quantity('1').add(2).sub(quantity('500m')) == quantity('2.5') && quantity('-1').sign() == -1",
  "quantity('1e3') == quantity('1k') && quantity('1').isLessThan(quantity('2')) && !isQuantity('1x') && quantity('0.5').asApproximateFloat() == 0.5",
  "[1,2,3].sum() == 6 && [1.5,2.0].sum() == 3.5 && [3,1].min() == 1 && [3,1].max() == 3 && ['a','b'].isSorted() && ![2,1].isSorted()",
  "self.l.indexOf('y') == 1 && self.l.lastIndexOf('z') == -1",
  "url('https://a.b:8080/c?d=e').getHost() == 'a.b:8080' && url('https://a.b/c').getScheme() == 'https' && url('https://a.b:8080/c').getPort() == '8080'",
  "url('https://[::1]:80/c').getHostname() == '::1' && url('https://a/b%20c').getEscapedPath() == '/b%20c' && url('https://a/?d=e&d=f').getQuery()['d'] == ['e','f']",
  "isURL('https://a') && !isURL('a b') && url('https://a') == url('https://a/')",
  "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && ip('10.0.0.1').isGlobalUnicast() && ip('0.0.0.0').isUnspecified()",
  "ip('169.254.1.1').isLinkLocalUnicast() && ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.0.1').isGlobalUnicast()",
  "ip.isCanonical('::1') && !ip.isCanonical('0:0::1') && string(ip('0:0::1')) == '::1' && !isIP('::ffff:1.2.3.4') && !isIP('1.2.3')",
  "string(ip('2001:DB8:0:0:1:0:0:1')) == '2001:db8::1:0:0:1' && string(ip('::')) == '::' && string(ip('1:0:2:3:4:5:6:7')) == '1:0:2:3:4:5:6:7'",
  "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8 && string(cidr('10.0.0.0/8').ip()) == '10.0.0.0'",
  "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8')) && cidr('fd00::/8').containsIP(ip('fd00::1'))",
  "string(cidr('::1/128')) == '::1/128' && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08') && !cidr('10.0.0.0/8').containsIP('::1')",
  "self.dur > duration('1m') && self.dur == duration('90s') && self.t > timestamp('2020-01-01T00:00:00Z') && self.day.getFullYear() == 2024 && self.raw == b'\\x00\\x01'",
  "self.set == ['b','a'] && self.set.size() == 2 && 'a' in self.set && sets.contains(self.set, ['a'])",
  "sets.equivalent([1,2],[2,1,1]) && sets.intersects([1],[1,2]) && !sets.intersects([1],[2])",
  "self.m.all(k, k.startsWith('k')) && 'k1' in self.m && self.m['k1'] == 'v' && self.m.size() == 1 && self.m == {'k1': 'v'}",
  "self.?opt.orValue('z') == 'z' && !has(self.opt) && !has(self.nul)",
  "!format.dns1123Label().validate('a-b').hasValue() && format.dns1123Label().validate('A').value().size() == 1 && format.named('uuid').hasValue() && !format.named('zzz').hasValue()",
  "format.dns1123LabelPrefix().validate('a-').hasValue() == false && format.labelValue().validate('').hasValue() == false && format.qualifiedName().validate('a/b').hasValue() == false",
  "self.x__dash__y == 1 && self.a__dot__b__slash__c__underscores__d == 7 && self.__namespace__ == 'n'",
  "self.r > 1.5 && self.r < 3 && self.a < 3.5 && dyn(self.a) == 3.0 && self.r == 2.0",
  "math.greatest(self.a, 2) == 3 && math.least([3,1,2]) == 1 && math.abs(-1) == 1 && math.greatest(1.5, 2.5) == 2.5",
  "cel.bind(z, self.a, z == 3) && (self.yes ? true : false)",
  "self.s.replace('a','') == 'bb' && self.s.replace('a','c',1) == 'cabb' && 'x,y'.split(',').size() == 2 && ['x','y'].join('-') == 'x-y'",
  "self.s.charAt(0) == 'a' && self.s.substring(2) == 'bb' && self.s.lowerAscii() == 'aabb' && 'abc'.reverse() == 'cba' && ' x '.trim() == 'x'",
];
for (const rule of holding) {
  test(`holds: ${rule}`, () => {
    const schema = withRules([rule]);
    assert.deepEqual(compileProblems(schema), []);
    assert.deepEqual(messages(schema, example), []);
  });
}

// Field and message as kube-apiserver 1.36 answers them.
const refusals: readonly { readonly rule: Rule; readonly expect: string }[] = [
  { rule: { rule: "self.a < 3", message: "a below 3" }, expect: "spec: Invalid value: a below 3" },
  { rule: { rule: "self.a < 3", fieldPath: ".a" }, expect: "spec.a: Invalid value: failed rule: self.a < 3" },
  { rule: { rule: "self.a < 2", reason: "FieldValueForbidden", message: "no" }, expect: "spec: Forbidden: no" },
  { rule: { rule: "self.a < 2", reason: "FieldValueRequired", message: "no" }, expect: "spec: Required value: no" },
  { rule: { rule: "self.a < 2", reason: "FieldValueDuplicate", message: "no" }, expect: "spec: Duplicate value" },
  { rule: { rule: "self.a < 2", messageExpression: "'a is ' + (self.a > 2 ? 'big' : 'small')" }, expect: "spec: Invalid value: a is big" },
  { rule: { rule: "self.a < 2", messageExpression: "self.l[9]", message: "fallback" }, expect: "spec: Invalid value: fallback" },
  { rule: { rule: "self.a < 2", messageExpression: "' '", message: "fallback" }, expect: "spec: Invalid value: fallback" },
  { rule: { rule: "self.l[5] == 'x'" }, expect: "spec: Invalid value: \"object\": index out of bounds: 5 evaluating rule: self.l[5] == 'x'" },
  { rule: { rule: "self.opt == 'x'", message: "m" }, expect: "spec: Invalid value: \"object\": no such key: opt evaluating rule: m" },
  { rule: { rule: "self.m.all(k, self.m[k] != 'v')", fieldPath: ".m['k1']" }, expect: "spec.m[k1]: Invalid value: failed rule: self.m.all(k, self.m[k] != 'v')" },
  { rule: { rule: "cidr(self.s).prefixLength() == 8" }, expect: "spec: Invalid value: \"object\": CIDR \"aabb\" parse error during conversion from string evaluating rule: cidr(self.s).prefixLength() == 8" },
];
for (const { rule, expect } of refusals) {
  test(`refuses with: ${expect}`, () => {
    const schema = withRules([rule]);
    assert.deepEqual(compileProblems(schema), []);
    assert.deepEqual(messages(schema, example), [expect]);
  });
}

test("rules are asked at every node, and scalars show their value", () => {
  const rule = (one: string) => ({ "x-kubernetes-validations": [{ rule: one }] });
  const schema: Schema = {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          b: { type: "string", ...rule("self == 'q'") }, f: { type: "boolean", ...rule("self") }, d: { type: "number", ...rule("self > 1.0") },
          l: { type: "array", items: { type: "integer", ...rule("self < 2") }, ...rule("self.size() < 1") },
          m: { type: "object", additionalProperties: { type: "string", ...rule("self != 'z'") } },
        },
      },
    },
  };
  assert.deepEqual(messages(schema, { b: "e", f: false, d: 0.5, l: [1, 3], m: { k: "z" } }), [
    "spec.b: Invalid value: \"e\": failed rule: self == 'q'", "spec.f: Invalid value: false: failed rule: self", "spec.d: Invalid value: 0.5: failed rule: self > 1.0",
    "spec.l: Invalid value: failed rule: self.size() < 1", "spec.l[1]: Invalid value: 3: failed rule: self < 2", "spec.m[k]: Invalid value: \"z\": failed rule: self != 'z'",
  ]);
  assert.deepEqual(messages(schema, { b: null }), []);
});

test("the whole object's name and kind are there whatever the schema says", () => {
  const schema: Schema = {
    type: "object", properties: { metadata: { type: "object" } },
    "x-kubernetes-validations": [{ rule: "self.metadata.name.size() < 3 && self.kind == 'K' && self.apiVersion.startsWith('a')" }],
  };
  assert.deepEqual(compileProblems(schema), []);
  const object = (name: string) => ({ apiVersion: "a/v1", kind: "K", metadata: { name, labels: {} } });
  assert.deepEqual(celProblems({ schema, value: object("ab") }), []);
  assert.deepEqual(celProblems({ schema, value: object("abc") }).map((one) => one.field), [""]);
});

test("transition rules need an old value, optional ones say what to do without", () => {
  const shrink = withRules([{ rule: "self.a >= oldSelf.a", message: "no shrink" }]);
  assert.deepEqual(messages(shrink, { a: 1 }), []);
  assert.deepEqual(messages(shrink, { a: 1 }, { a: 2 }), ["spec: Invalid value: no shrink"]);
  assert.deepEqual(messages(shrink, { a: 2 }, { a: 2 }), []);
  const frozen = withRules([{ rule: "oldSelf.hasValue() ? oldSelf.value().a == self.a : self.a == 1", optionalOldSelf: true, message: "frozen" }]);
  assert.deepEqual(messages(frozen, { a: 1 }), []);
  assert.deepEqual(messages(frozen, { a: 2 }), ["spec: Invalid value: frozen"]);
  assert.deepEqual(messages(frozen, { a: 2 }, { a: 1 }), ["spec: Invalid value: frozen"]);
});

test("items of a list map are compared with the item of their key, wherever it was", () => {
  const kept: Schema = { ...networks, items: { ...network, "x-kubernetes-validations": [{ rule: "self.subnet == oldSelf.subnet", message: "subnet is fixed" }] } };
  const schema: Schema = { type: "object", properties: { spec: { type: "object", properties: { networks: kept } } } };
  assert.deepEqual(compileProblems(schema), []);
  const before = { networks: [{ name: "a", subnet: "1" }, { name: "b", subnet: "2" }] };
  assert.deepEqual(messages(schema, { networks: [{ name: "b", subnet: "2" }, { name: "c", subnet: "9" }, { name: "a", subnet: "1" }] }, before), []);
  assert.deepEqual(messages(schema, { networks: [{ name: "b", subnet: "3" }] }, before), ["spec.networks[0]: Invalid value: subnet is fixed"]);
  const whole = withRules([{ rule: "self.networks == oldSelf.networks", message: "changed" }]);
  assert.deepEqual(messages(whole, { a: 1, networks: [before.networks[1] ?? null, before.networks[0] ?? null] }, before), []);
});

test("what did not change is not refused by a rule that came later", () => {
  const schema = withRules([{ rule: "self.a < 3", message: "too big" }]);
  assert.deepEqual(messages(schema, { a: 5 }, { a: 5 }), []);
  assert.deepEqual(messages(schema, { a: 6 }, { a: 5 }), ["spec: Invalid value: too big"]);
});

const broken: readonly { readonly rule: Rule; readonly field?: string; readonly expect: RegExp }[] = [
  { rule: { rule: "self.nope == 1" }, expect: /compilation failed: ERROR: .*undefined field 'nope'/ },
  { rule: { rule: "has(self.nope)" }, expect: /undefined field 'nope'/ },
  { rule: { rule: "self.networks.all(n, has(n.nope))" }, expect: /undefined field 'nope'/ },
  { rule: { rule: "self.any.x == 1" }, expect: /undefined field 'x'/ },
  { rule: { rule: "self.a ==" }, expect: /compilation failed/ },
  { rule: { rule: "self.a" }, expect: /cel expression must evaluate to a bool/ },
  { rule: { rule: "self.a == 'x'" }, expect: /found no matching overload for '_==_' applied to '\(int, string\)'/ },
  { rule: { rule: "self.a == 1.0" }, expect: /found no matching overload for '_==_' applied to '\(int, double\)'/ },
  { rule: { rule: " " }, expect: /Required value: rule is not specified/ },
  { rule: { rule: "other == 1" }, expect: /undeclared reference to 'other'/ },
  { rule: { rule: "nosuch(self.a)" }, expect: /compilation failed/ },
  { rule: { rule: "true", messageExpression: "self.a" }, field: "messageExpression", expect: /messageExpression must evaluate to a string/ },
  { rule: { rule: "true", messageExpression: "self." }, field: "messageExpression", expect: /compilation failed/ },
  { rule: { rule: "true", fieldPath: ".zzz" }, field: "fieldPath", expect: /must be a valid path/ },
  { rule: { rule: "true", message: "a\nb" }, field: "message", expect: /must not contain line breaks/ },
  { rule: { rule: "true", message: " " }, field: "message", expect: /must be non-empty/ },
  { rule: { rule: "true\n&& true" }, field: "message", expect: /message must be specified if rule contains line breaks/ },
  { rule: { rule: "true", reason: "Zzz" as "FieldValueInvalid" }, field: "reason", expect: /Unsupported value: "Zzz"/ },
  { rule: { rule: "true", optionalOldSelf: true }, field: "optionalOldSelf", expect: /may not be set if oldSelf is not used/ },
];
for (const { rule, field = "rule", expect } of broken) {
  test(`does not install: ${JSON.stringify(rule)}`, () => {
    const [problem, ...others] = compileProblems(withRules([rule]), "schema");
    assert.equal(problem?.field, `schema.properties[spec].x-kubernetes-validations[0].${field}`);
    assert.match(problem.message, expect);
    assert.deepEqual(others, []);
  });
}

test("oldSelf is refused below lists whose items can't be told apart", () => {
  const items: Schema = { type: "integer", "x-kubernetes-validations": [{ rule: "self == oldSelf" }] };
  const schema: Schema = { type: "object", properties: { l: { type: "array", items } } };
  assert.deepEqual(compileProblems(schema, "schema").map(({ field, message }) => `${field}: ${message}`), [
    "schema.properties[l].items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[l]",
  ]);
});

test("a rule that does not compile refuses values instead of letting them pass", () => {
  const [problem] = celProblems({ schema: withRules(["self.nope == 1"]), value: { spec: { a: 1 } } });
  assert.match(problem?.message ?? "", /rule compile error/);
});

test("evaluation ends: nested loops and regular expressions that backtrack run out of their budget", () => {
  const many = Array.from({ length: 400 }, (_, at) => `x${at}`);
  const expect = /running out of cost budget/;
  assert.match(messages(withRules(["self.l.all(a, self.l.all(b, self.l.all(c, self.l.all(d, a == a))))"]), { l: many })[0] ?? "", expect);
  assert.match(messages(withRules(["self.s.matches('^(a+)+$')"]), { s: `${"a".repeat(60)}b` })[0] ?? "", expect);
});

test("a schema without rules objects to nothing", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assert.deepEqual(celProblems({ schema: { type: "object", properties }, value: value as Json }), []);
  }));
});

test("rules on any value of the schema answer or fail to evaluate, and never throw", () => {
  const schema = withRules(["self.networks.all(n, cidr(n.subnet).containsIP(n.addresses[0]))", "self.s.find(self.q) != ''", "quantity(self.q).isInteger()", "url(self.s).getPort() == ''"]);
  const spec = fc.record({
    s: fc.string(), q: fc.string(),
    networks: fc.array(fc.record({ name: fc.string(), subnet: fc.oneof(fc.string(), fc.ipV4().map((ip) => `${ip}/24`)), addresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())) })),
  }, { requiredKeys: [] });
  fc.assert(fc.property(spec, (value) => Array.isArray(celProblems({ schema, value: { spec: value as Json } }))));
});
