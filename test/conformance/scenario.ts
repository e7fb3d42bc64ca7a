/** A scenario is a list of commands and requests, run in order against one server; what came back is compared. */
import { findByPath } from "../../src/apiserver/json-path.ts";
import { eventually } from "../apiserver/harness.ts";
import { normalJson, normalText, Versions } from "./normalise.ts";
import { kubectl, send, type Site } from "./site.ts";
import type { Body, Reply } from "./requests.ts";
import type { Json } from "../../src/schema/types.ts";

/** Which real server can answer it: one with core kinds, or the one of custom resources. */
export type Needs = "core" | "custom";

interface Common {
  /** Only to reach a state: nothing is compared. */
  readonly quiet?: boolean;
}

/** A kubectl command; its exit code and both outputs are compared. */
export interface Command extends Common {
  readonly run: string;
  readonly input?: Json;
}

/** A request; its status, warnings and body are compared, or only what a JSONPath finds in the body. */
export interface Request extends Common, Body {
  readonly send: string;
  readonly look?: string;
  /** The body is a stream of JSON lines. */
  readonly stream?: boolean;
}

/** A request repeated until what the path finds is this; compared is only that it came to be. */
export interface Eventually {
  readonly eventually: string;
  readonly look: string;
  readonly is: Json;
}

export type Step = Command | Request | Eventually;

export interface Scenario {
  readonly name: string;
  readonly needs: Needs;
  readonly steps: readonly Step[];
}

/** One line of a golden: the step, and what came back. */
export interface Outcome { readonly step: string; readonly result: Json }

const textOf = (input: Json | undefined): string => (input === undefined ? "" : typeof input === "string" ? input : JSON.stringify(input));

/** Splits as a shell would, for commands without anything but words and quotes. */
const words = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+?)='([^']*)'|(\S+)/g)].map(([, quoted, name, value, word]) => quoted ?? (name === undefined ? word ?? "" : `${name}=${value ?? ""}`));

const parsed = (text: string): Json => {
  try { return JSON.parse(text) as Json; } catch { return text; }
};

const bodyOf = (reply: Reply, { look, stream }: Request): Json => {
  const value = stream === true ? reply.text.split("\n").filter((line) => line !== "").map(parsed) : parsed(reply.text);
  return look === undefined ? value : findByPath(value, look) as readonly Json[];
};

const textAt = (value: Json, path: string): string => {
  const [found] = findByPath(value, path);
  return typeof found === "string" ? found : "";
};

/** `{uid}` and `{version}` in a path or body stand for the last object that was seen, `{continue}` for the last list. */
const filled = (text: string, last: Json): string => text
  .replaceAll("{uid}", textAt(last, ".metadata.uid"))
  .replaceAll("{version}", textAt(last, ".metadata.resourceVersion"))
  .replaceAll("{continue}", encodeURIComponent(textAt(last, ".metadata.continue")));

const filledBody = (body: Json | undefined, last: Json): Json | undefined =>
  (body === undefined ? undefined : typeof body === "string" ? filled(body, last) : JSON.parse(filled(JSON.stringify(body), last)) as Json);

const isCommand = (step: Step): step is Command => "run" in step;
const isWait = (step: Step): step is Eventually => "eventually" in step;

/** Output that is an object is compared as one; the order of its keys says nothing. */
const outputOf = (stdout: string, versions: Versions): Json => {
  const value = stdout.startsWith("{") ? parsed(stdout) : stdout;
  return typeof value === "string" ? normalText(value) : normalJson(value, versions);
};

const runCommand = async (site: Site, step: Command, versions: Versions): Promise<Json> => {
  const { code, stdout, stderr } = await kubectl(site, words(step.run), textOf(step.input));
  return { code, out: outputOf(stdout, versions), ...(stderr === "" ? {} : { err: normalText(stderr) }) };
};

const waitFor = async (site: Site, { eventually: path, look, is }: Eventually): Promise<Json> => {
  const found = async () => findByPath(parsed((await send(site, "GET", path)).text), look)[0] ?? null;
  return await eventually(found, (value) => JSON.stringify(value) === JSON.stringify(is)) as Json;
};

/** The same step again is told apart by its number. */
const numbered = (outcomes: readonly Outcome[]): readonly Outcome[] => outcomes.map(({ step, result }, at) => {
  const earlier = outcomes.slice(0, at).filter((one) => one.step === step).length;
  return { step: earlier === 0 ? step : `${step} #${earlier + 1}`, result };
});

/** Runs a scenario to its end and says what came back at each step. */
export const runScenario = async (site: Site, { steps }: Scenario): Promise<readonly Outcome[]> => {
  const versions = new Versions();
  const outcomes: Outcome[] = [];
  let last: Json = null;
  for (const step of steps) {
    if (isCommand(step)) {
      const result = await runCommand(site, step, versions);
      if (step.quiet !== true) outcomes.push({ step: `kubectl ${step.run}`, result });
    } else if (isWait(step)) {
      outcomes.push({ step: `until ${step.look} of ${step.eventually} is ${JSON.stringify(step.is)}`, result: await waitFor(site, step) });
    } else {
      const [method = "GET", path = "/"] = step.send.split(" ");
      const body = filledBody(step.body, last);
      const reply = await send(site, method, filled(path, last), { ...step, ...(body === undefined ? {} : { body }) });
      const whole = parsed(reply.text);
      if (findByPath(whole, ".metadata.resourceVersion").length > 0) last = whole;
      const warnings = reply.warnings.length === 0 ? {} : { warnings: reply.warnings };
      if (step.quiet !== true) outcomes.push({ step: step.send, result: { code: reply.code, ...warnings, body: normalJson(bodyOf(reply, step), versions) } });
    }
  }
  return numbered(outcomes);
};
