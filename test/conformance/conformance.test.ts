/**
 * The same commands and requests against the embedded control plane and against real servers, with real kubectl. What
 * real servers answer is kept in goldens, so that the comparison is made everywhere; where KUBEBUILDER_ASSETS names a
 * directory with the real programs, the goldens themselves are checked against them (UPDATE_GOLDENS=1 rewrites them).
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startControlPlane, type ControlPlane } from "../../src/apiserver/server.ts";
import { differingSteps, printed } from "./compare.ts";
import { differences, rewordings, type Difference } from "./differences.ts";
import { assetsFor, startReal, type Program, type RealServer } from "./real.ts";
import { runScenario, type Needs, type Outcome, type Scenario } from "./scenario.ts";
import { core } from "./scenarios/core.ts";
import { reading } from "./scenarios/reading.ts";
import { validation } from "./scenarios/validation.ts";
import { definitions, root, widgetDefinition } from "./scenarios/widget.ts";
import { writing } from "./scenarios/writing.ts";
import { eventually } from "../apiserver/harness.ts";
import { send, type Site } from "./site.ts";

const scenarios: readonly Scenario[] = [...reading, ...writing, ...validation, ...core];
const goldens = join(import.meta.dirname, "golden");
const isUpdating = process.env["UPDATE_GOLDENS"] === "1";
const programs: Readonly<Record<Needs, Program>> = { custom: "crdserver", core: "kube-apiserver" };

const goldenPath = (name: string): string => join(goldens, `${name.replaceAll(/[^a-z0-9]+/g, "-")}.json`);
const goldenOf = (name: string): readonly Outcome[] => JSON.parse(readFileSync(goldenPath(name), "utf8")) as readonly Outcome[];
const keep = (name: string, outcomes: readonly Outcome[]): void => {
  mkdirSync(goldens, { recursive: true });
  writeFileSync(goldenPath(name), `[\n${outcomes.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);
};

/** Installs the kind that most scenarios use, and waits until objects of it can be made. */
const install = async (site: Site): Promise<void> => {
  const { code, text } = await send(site, "POST", definitions, { body: widgetDefinition });
  assert.equal(code, 201, text);
  const probe = { apiVersion: "conformance.example.com/v1", kind: "Widget", metadata: { name: "probe" }, spec: {} };
  await eventually(async () => (await send(site, "POST", root, { body: probe })).code, (found) => found === 201);
  await send(site, "DELETE", `${root}/probe`);
};

/** The golden in our words, where those are put otherwise on purpose. */
const reworded = (expected: readonly Outcome[]): readonly Outcome[] =>
  JSON.parse(rewordings.reduce((text, { real, embedded }) => text.replaceAll(real, embedded), JSON.stringify(expected))) as readonly Outcome[];

const excuses = ({ at }: Difference, path: string): boolean => at === undefined || at.some((beginning) => path.startsWith(beginning));

/** Fails with what differs and is not excused, and with excuses that nothing needs. */
const compare = (scenario: string, found: readonly Outcome[], expected: readonly Outcome[]): void => {
  const differing = differingSteps(found, reworded(expected));
  const known = differences.filter((one) => one.scenario === scenario);
  const left = differing.map(({ step, places }) => ({
    step, places: places.filter(({ path }) => !known.some((one) => one.step === step && excuses(one, path))),
  })).filter(({ places }) => places.length > 0);
  assert.equal(left.length, 0, printed(left));
  const unneeded = known.filter((one) => !differing.some(({ step, places }) => step === one.step && places.some(({ path }) => excuses(one, path))));
  assert.deepEqual(unneeded, [], "these differences are gone: take them out of differences.ts");
};

describe("the embedded control plane answers as real servers do", () => {
  let directory: string;
  let plane: ControlPlane;
  let site: Site;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), "conformance-"));
    plane = await startControlPlane({ directory, port: 0, log: { info: () => undefined, debug: () => undefined }, now: () => Date.now() });
    site = { name: "embedded", url: plane.url, token: readFileSync(join(directory, "admin-token"), "utf8").trim(), directory, kubeconfig: plane.kubeconfigPath };
    await install(site);
  });
  after(async () => {
    await plane.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const scenario of scenarios) {
    test(scenario.name, { skip: isUpdating && !existsSync(goldenPath(scenario.name)) }, async () => {
      compare(scenario.name, await runScenario(site, scenario), goldenOf(scenario.name));
    });
  }
});

for (const [needs, program] of Object.entries(programs) as readonly (readonly [Needs, Program])[]) {
  const assets = assetsFor(program);
  if (assets === undefined) {
    console.error(`SKIPPED: the conformance goldens were not checked against a real ${program}: set KUBEBUILDER_ASSETS to a directory with etcd and ${program}`);
  }
  describe(`${program} still answers as the goldens say`, { skip: assets === undefined ? `KUBEBUILDER_ASSETS has no ${program}` : false }, () => {
    let server: RealServer;
    before(async () => {
      server = await startReal(program);
      if (needs === "custom") await install({ name: program, ...server });
    });
    after(async () => { await server.stop(); });
    for (const scenario of scenarios.filter((one) => one.needs === needs)) {
      test(scenario.name, async () => {
        const found = await runScenario({ name: program, ...server }, scenario);
        if (isUpdating) keep(scenario.name, found);
        const differing = differingSteps(found, goldenOf(scenario.name));
        assert.equal(differing.length, 0, printed(differing));
      });
    }
  });
}
