/** Pulls run in the background: how they went is asked for, and nothing of them can fail anybody else. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import pRetry from "p-retry";
import { pullLimits } from "../../src/adapters/docker-images.ts";
import { fakeEngine, type Answer, type FakeEngine } from "./fake-engine.ts";

const lines = (...values: readonly object[]): Answer => (response) => {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(values.map((value) => `${JSON.stringify(value)}\r\n`).join(""));
};

const pulled = async (t: TestContext, answer: Answer, limits = pullLimits): Promise<FakeEngine> => {
  const fake = await fakeEngine(() => answer, { pullLimits: limits });
  t.after(fake.stop);
  fake.engine.pull("postgres:17");
  assert.equal(fake.engine.pulling("postgres:17")?.state, "running");
  await ended(fake, "postgres:17");
  return fake;
};

const ended = ({ engine }: FakeEngine, name: string): Promise<void> => pRetry(() => {
  if (engine.pulling(name)?.state === "running") throw new Error("it still runs");
}, { retries: 200, minTimeout: 20, factor: 1 });

test("a pull that succeeds leaves nothing to tell", async (t) => {
  const { engine, asked } = await pulled(t, lines({ status: "Pulling from library/postgres", id: "17" }, { status: "Status: Downloaded newer image" }));
  assert.equal(engine.pulling("postgres:17"), undefined);
  assert.ok(asked.some((one) => one.startsWith("POST /v1.41/images/create?") && one.includes("fromImage=postgres&tag=17")), asked.join("\n"));
});

interface Row { readonly when: string; readonly answer: Answer; readonly because: RegExp }
const rows: readonly Row[] = [
  { when: "the registry lacks it", answer: [404, { message: "manifest for postgres:17 not found: manifest unknown" }], because: /registry does not have the image.*pgrs image build/ },
  { when: "no registry is to be found", answer: [500, { message: "Get \"https://registry.invalid/v2/\": dial tcp: lookup registry.invalid: no such host" }], because: /no registry answered/ },
  { when: "it fails half way", answer: lines({ status: "Downloading" }, { error: "write /x: no space left on device", errorDetail: {} }), because: /disk is full/ },
  { when: "it fails in a new way", answer: lines({ error: "something new" }), because: /registry or the Engine refused: something new/ },
  { when: "the Engine breaks it off", answer: "break", because: /broke the connection off/ },
  { when: "its progress breaks off", answer: (response) => { response.writeHead(200); response.write('{"status":"Downloading"}\n', () => response.destroy()); }, because: /broke the connection off/ },
  { when: "its progress is no JSON", answer: (response) => { response.writeHead(200); response.end("<html>\n"); }, because: /call to the Engine failed/ },
];
for (const { when, answer, because } of rows) {
  test(`${when}: the pull says so`, async (t) => {
    const { engine } = await pulled(t, answer);
    const { state, because: said = "", at = 0 } = engine.pulling("postgres:17") ?? {};
    assert.equal(state, "failed");
    assert.match(said, because);
    assert.ok(at > 0);
  });
}

test("a registry that stays silent ends the pull", async (t) => {
  const { engine } = await pulled(t, "hang", { ...pullLimits, firstWordMs: 50 });
  assert.match(engine.pulling("postgres:17")?.because ?? "", /does the Docker host reach a registry\?/);
});

test("a pull that stands still ends", async (t) => {
  const { engine } = await pulled(t, (response) => { response.writeHead(200); response.write('{"status":"Downloading"}\n'); }, { ...pullLimits, silenceMs: 50 });
  assert.match(engine.pulling("postgres:17")?.because ?? "", /did not answer in time/);
});

test("a pull that never ends ends", async (t) => {
  let progress: NodeJS.Timeout | undefined;
  t.after(() => clearInterval(progress));
  const { engine } = await pulled(t, (response) => {
    response.writeHead(200);
    progress = setInterval(() => response.write('{"status":"Downloading"}\n'), 5);
  }, { ...pullLimits, wholeMs: 200 });
  assert.equal(engine.pulling("postgres:17")?.state, "failed");
});

test("one pull at a time for a name, and a failed one can be tried again", async (t) => {
  const fake = await fakeEngine(() => [500, { message: "dial tcp: no route" }]);
  t.after(fake.stop);
  const creates = (): number => fake.asked.filter((one) => one.includes("/images/create")).length;
  fake.engine.pull("postgres:17");
  fake.engine.pull("postgres:17");
  await ended(fake, "postgres:17");
  assert.equal(creates(), 1);
  fake.engine.pull("postgres:17");
  await ended(fake, "postgres:17");
  assert.equal(creates(), 2);
});

for (const [name, query] of [["registry.example:5000/team/pg", "fromImage=registry.example%3A5000%2Fteam%2Fpg&tag=latest"], ["postgres@sha256:abc", "fromImage=postgres%40sha256%3Aabc"]] as const) {
  test(`${name} is asked for as what it is`, async (t) => {
    const fake = await fakeEngine(() => lines({ status: "done" }));
    t.after(fake.stop);
    fake.engine.pull(name);
    await ended(fake, name);
    assert.ok(fake.asked.some((one) => one.endsWith(`/images/create?${query}`)), fake.asked.join("\n"));
  });
}

test("what is no reference never reaches the Engine", async (t) => {
  const fake = await fakeEngine(() => "hang");
  t.after(fake.stop);
  for (const name of ["../containers/x", "a//b", "", "post gres", "-x"]) {
    fake.engine.pull(name);
    assert.match(fake.engine.pulling(name)?.because ?? "", /no image reference/);
    await assert.rejects(fake.engine.image(name, new AbortController().signal), { name: "Terminal", message: /no image reference/ });
  }
  assert.deepEqual(fake.asked, []);
});
