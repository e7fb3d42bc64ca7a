/**
 * Answers without what differs between any two servers: identities, times, ages, versions and addresses. What is left
 * must be the same, or be a reviewed difference.
 */
import { isList, isObject } from "../../src/schema/json.ts";
import type { Json } from "../../src/schema/types.ts";

/** Names of versions in the order in which a scenario meets them, so that "the same version" can be compared. */
export class Versions {
  readonly #seen = new Map<string, string>();

  nameOf(version: string): string {
    const known = this.#seen.get(version) ?? `version-${this.#seen.size + 1}`;
    this.#seen.set(version, known);
    return known;
  }
}

const timePattern = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const uidPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

const scrubbed = (text: string): string => text
  .replaceAll(timePattern, "<time>")
  .replaceAll(uidPattern, "<uid>")
  .replaceAll(/https?:\/\/127\.0\.0\.1:\d+/g, "<server>")
  .replaceAll(/ResourceVersion in record \(\d+\)/g, "ResourceVersion in record (<version>)")
  .replaceAll(/\/tmp\/[^\s"']+/g, "<path>");

/** Go visits the fields of an object in no order, so that a list of complaints comes in any. */
const ordered = (text: string): string => text
  .replace(/(is invalid: \[)(.*)(\]$)/s, (_, head: string, list: string, tail: string) => `${head}${list.split(", ").toSorted().join(", ")}${tail}`)
  .replaceAll(/(?:^\* .*$\n?)+/gm, (lines) => `${lines.trimEnd().split("\n").toSorted().join("\n")}\n`);

const isOwned = (metadata: Json | undefined): boolean => isObject(metadata) && Object.hasOwn(metadata, "uid");

const agePattern = /(?<![\w.:-])(?:\d+s|\d+m(?:\d+s)?|\d+h(?:\d+m)?|\d+d(?:\d+h)?|\d+y(?:\d+d)?)(?![\w.:-])/g;

/** A cell of a table: an age is never the same twice. */
const normalCell = (cell: Json, versions: Versions): Json =>
  (typeof cell === "string" ? scrubbed(cell).replaceAll(agePattern, "<age>") : normalJson(cell, versions));

const sorted = (values: readonly Json[]): readonly Json[] => values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** How often a server says the same thing says nothing. */
const distinct = (values: readonly Json[]): readonly Json[] =>
  values.filter((value, at) => values.findIndex((other) => JSON.stringify(other) === JSON.stringify(value)) === at);

const normalKey = (key: string, value: Json, holder: { readonly [key: string]: Json }, versions: Versions): Json => {
  // A list's version says nothing about its items; an object's is compared with itself.
  if (key === "resourceVersion") return typeof value === "string" && isOwned(holder) ? versions.nameOf(value) : "<version>";
  if (key === "cells" && isList(value)) return value.map((cell) => normalCell(cell, versions));
  if (key === "continue") return "<continue>";
  // What a column means is told in each server's own words.
  if (key === "description" && Object.hasOwn(holder, "priority")) return "<description>";
  if (key === "managedFields" && isList(value)) return sorted(value.map((entry) => normalJson(entry, versions)));
  if (key === "causes" && isList(value)) return distinct(sorted(value.map((cause) => normalJson(cause, versions))));
  return normalJson(value, versions);
};

/** The value with its keys in order and what differs by nature replaced. */
export const normalJson = (value: Json, versions: Versions): Json => {
  if (typeof value === "string") return ordered(scrubbed(value));
  if (isList(value)) return value.map((item) => normalJson(item, versions));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.keys(value).toSorted().map((key) => [key, normalKey(key, value[key] ?? null, value, versions)] as const));
};

/** kubectl's output: columns one space apart from their widths, ages and diff headers without their values. */
export const normalText = (text: string): string => ordered(scrubbed(text))
  .replaceAll(agePattern, "<age>")
  .replaceAll(/^(---|\+\+\+|diff) .*$/gm, "$1")
  .replaceAll(/resourceVersion: "?\d+"?/g, "resourceVersion: <version>")
  .replaceAll(/(Resource Version:\s+)\d+/g, "$1<version>")
  .split("\n").map((line) => line.trimEnd().replaceAll(/(\S) {2,}/g, "$1  ")).join("\n").trim();
