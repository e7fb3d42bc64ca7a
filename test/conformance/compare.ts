/** Two outcomes side by side, so that a failure says which step differs, where, and how. */
import { isList, isObject } from "../../src/schema/json.ts";
import type { Outcome } from "./scenario.ts";
import type { Json } from "../../src/schema/types.ts";

const shown = (value: Json | undefined): string => (value === undefined ? "nothing" : JSON.stringify(value));

/** Each place where the values differ. */
export const differencesBetween = (found: Json | undefined, expected: Json | undefined, path = ""): readonly Place[] => {
  if (isObject(found) && isObject(expected)) {
    const keys = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
    return keys.flatMap((key) => differencesBetween(found[key], expected[key], `${path}.${key}`));
  }
  if (isList(found) && isList(expected)) {
    const length = Math.max(found.length, expected.length);
    return Array.from({ length }, (_, at) => differencesBetween(found[at], expected[at], `${path}[${at}]`)).flat();
  }
  return shown(found) === shown(expected) ? [] : [{ path, line: `${path}: ${shown(found)}, expected ${shown(expected)}` }];
};

/** One place where the values differ. */
export interface Place { readonly path: string; readonly line: string }

export interface StepDifference { readonly step: string; readonly places: readonly Place[] }

/** The steps whose results differ; a step that only one side has differs as a whole. */
export const differingSteps = (found: readonly Outcome[], expected: readonly Outcome[]): readonly StepDifference[] => {
  const length = Math.max(found.length, expected.length);
  return Array.from({ length }, (_, at) => ({
    step: expected[at]?.step ?? found[at]?.step ?? "",
    places: found[at]?.step === expected[at]?.step || found[at] === undefined ? differencesBetween(found[at]?.result, expected[at]?.result)
      : [{ path: "", line: `the step is ${shown(found[at].step)}, expected ${shown(expected[at]?.step)}` }],
  })).filter(({ places }) => places.length > 0);
};

/** The steps and places as the text of a failure; empty when there is nothing to say. */
export const printed = (steps: readonly StepDifference[]): string =>
  steps.map(({ step, places }) => ["", step, ...places.map(({ line }) => `    ${line}`)].join("\n")).join("\n");
