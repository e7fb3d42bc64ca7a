/**
 * What clients were promised, watched from outside: no acknowledged commit is lost while a promise is recorded, no
 * loss is larger than what is told of it, nobody is promoted behind one who was known to have more, and no copy is
 * given up that is the only one.
 */
import type { Key, Resource, Status } from "../../src/api/resource.ts";
import { label } from "../../src/api/names.ts";
import type { SynchronousNames } from "../../src/postgres/standby-names.ts";
import { isAwake, membersOf, ordinalOf, writersOf, type Database, type Model, type SimContainer, type SimServer, type SimVolume } from "./model.ts";
import { keyText } from "./resources.ts";
import type { Round, Watch } from "./safety.ts";
import { knownPosition } from "./look.ts";
import { namesIn, synchronousSetting } from "./settings.ts";
import { contains, sharedWith } from "./wal.ts";

interface Decision { readonly epoch: number; readonly promise: Status["synchronous"]; readonly isBudget: boolean }

/** What is remembered of decisions, for each resource. */
export interface Ledger {
  readonly decisions: Map<string, Decision>;
  /** Acknowledged bytes that were really lost, by resource and epoch. */
  readonly losses: Map<string, number>;
  /** What each standby was known to have when a round began. */
  readonly known: WeakMap<Round, ReadonlyMap<number, number>>;
}

export const emptyLedger = (): Ledger => ({ decisions: new Map(), losses: new Map(), known: new WeakMap() });

const keyIn = (labels: Readonly<Record<string, string>>): Key => ({ namespace: labels[label.namespace] ?? "", name: labels[label.name] ?? "" });

/** Standbys that the operator can reach, and what they tell it. */
export function noteKnown(ledger: Ledger, model: Model, round: Round): void {
  const known = new Map<number, number>();
  for (const container of membersOf(model, round.key)) {
    const { server } = container;
    if (server?.isUp === true && server.inRecovery && isAwake(container) && server.trouble === "none" && !server.isStopping) known.set(ordinalOf(container), knownPosition(server));
  }
  ledger.known.set(round, known);
}

/** Before a status is saved: what a new decision rests on, and whether it passes over one who is known to have more. */
export function checkDecision(ledger: Ledger, watch: Watch, round: Round, status: Status): void {
  const text = keyText(round.key);
  const before = watch.api.objects.get(text)?.status;
  const { primary, lastFailover } = status;
  if (primary === undefined || primary.epoch === before?.primary?.epoch) return;
  const isBudget = lastFailover?.epoch === primary.epoch && lastFailover.rule.includes("budget");
  ledger.decisions.set(text, { epoch: primary.epoch, promise: before?.synchronous, isBudget });
  const members = membersOf(watch.model, round.key);
  const chosen = members.find((one) => ordinalOf(one) === primary.ordinal)?.server;
  // Without a promise to keep, a person may choose whom they like.
  const isAsked = lastFailover?.rule === "approved" && (before?.synchronous?.required ?? 0) === 0;
  if (chosen === undefined || isBudget || isAsked || watch.disturbances() !== round.disturbances || lastFailover?.epoch !== primary.epoch) return;
  const { fencedOrdinals = [], members: overrides = [] } = round.resource?.spec ?? {};
  for (const [ordinal, position] of ledger.known.get(round) ?? []) {
    const other = members.find((one) => ordinalOf(one) === ordinal)?.server;
    const isOut = fencedOrdinals.includes(ordinal) || overrides.some((one) => one.ordinal === ordinal && one.candidate === "Never");
    if (ordinal === primary.ordinal || other === undefined || isOut) continue;
    const { branch } = other.database;
    const isFurther = branch.timeline > chosen.database.branch.timeline || (branch === chosen.database.branch && position > chosen.database.position);
    if (isFurther) watch.onBreach(`ordinal ${primary.ordinal} is chosen at ${chosen.database.branch.timeline}/${chosen.database.position}, and ordinal ${ordinal} was known to have ${branch.timeline}/${position}`);
  }
}

/** Right before a promotion: what it loses, and whether it may. */
export function checkLoss(ledger: Ledger, { model, api, onBreach, wiped }: Watch, container: SimContainer, server: SimServer): void {
  const { database } = server;
  const key = keyIn(container.spec.labels);
  const text = keyText(key);
  const acknowledged = model.acknowledged.get(database.systemIdentifier);
  const found = api.objects.get(text);
  if (found?.spec.fencedOrdinals.includes(ordinalOf(container)) === true && found.metadata.generation === found.status.observedGeneration) onBreach(`${container.spec.name} is promoted although it is fenced`);
  if (acknowledged === undefined || contains(database, acknowledged)) return;
  const shared = sharedWith(database, acknowledged);
  const lost = acknowledged.position - shared.position;
  model.acknowledged.set(database.systemIdentifier, shared);
  const epoch = found?.status.primary?.epoch ?? 0;
  const decision = ledger.decisions.get(text);
  ledger.losses.set(`${text} ${epoch}`, lost);
  const promise = decision?.epoch === epoch ? decision.promise : found?.status.synchronous;
  if ((promise?.required ?? 0) === 0 || decision?.isBudget === true || wiped.has(text)) return;
  onBreach(`${container.spec.name} is promoted without ${lost} bytes that were acknowledged, although ${JSON.stringify(promise)} was promised`);
}

/** What is told of a loss once it is called exact. */
export function checkToldLoss({ losses }: Ledger, { onBreach }: Watch, { key }: Round, { lastFailover }: Status): void {
  const lost = lastFailover?.lossIsExact === true ? losses.get(`${keyText(key)} ${lastFailover.epoch}`) ?? 0 : 0;
  if (lost > (lastFailover?.possibleLossBytes ?? 0)) onBreach(`${lost} acknowledged bytes were lost, and possibleLossBytes says ${lastFailover?.possibleLossBytes ?? 0}, exactly`);
}

const promiseIn = (name: string, { names, count }: SynchronousNames): { readonly standbys: readonly number[]; readonly required: number } =>
  ({ standbys: names.filter((one) => one.startsWith(`${name}-`)).map((one) => Number(one.slice(name.length + 1))), required: count });

/** What the primary waits for is never less than what is recorded. */
export function checkPromise({ model, api, onBreach, wiped }: Watch, key: Key): void {
  const resource: Resource | undefined = api.objects.get(keyText(key));
  const promise = resource?.status.synchronous;
  const [writer] = writersOf(model, key);
  if (resource === undefined || promise === undefined || promise.required === 0 || writer?.server === undefined || wiped.has(keyText(key)) || ordinalOf(writer) !== resource.status.primary?.ordinal) return;
  const names = namesIn(synchronousSetting(writer.server.loaded));
  const inForce = names === undefined ? undefined : promiseIn(key.name, names);
  const isCovered = inForce !== undefined && promise.required <= inForce.required && inForce.standbys.every((ordinal) => promise.standbys.includes(ordinal));
  if (!isCovered) onBreach(`${writer.spec.name} waits for ${JSON.stringify(inForce ?? "nobody")}, although ${JSON.stringify(promise)} is promised`);
}

/** Data that goes must not be the only copy of what was acknowledged, unless all of it is to go. */
export function checkDiscard({ model, api, onBreach }: Watch, what: string, { labels }: SimVolume, database: Database): void {
  const acknowledged = model.acknowledged.get(database.systemIdentifier);
  const resource = api.objects.get(keyText(keyIn(labels)));
  const isDeleting = resource?.metadata.deletionTimestamp !== undefined && resource.spec.deletionPolicy === "Delete";
  if (acknowledged === undefined || isDeleting || !contains(database, acknowledged)) return;
  const others = [...model.volumes.values()].flatMap((volume) => [volume.database, volume.old]).filter((one) => one !== undefined && one !== database && one.systemIdentifier === database.systemIdentifier);
  if (!others.some((one) => one !== undefined && contains(one, acknowledged))) onBreach(`${what} is discarded, and it is the only copy of what was acknowledged`);
}
