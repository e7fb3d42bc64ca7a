/** Silence at the goal: over several looks of the operator nothing is written, neither to Docker nor to PostgreSQL nor to the API. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { label } from "../../src/api/names.ts";
import { namespace } from "./cluster.ts";
import { primaryOf } from "./checks.ts";
import type { Subject } from "./subject.ts";

/** The operator looks about every five seconds: this long it looks at least twice. */
const watchedSeconds = 13;

interface State { readonly resourceVersion: string; readonly events: number; readonly written: string }

async function stateOf(subject: Subject): Promise<State> {
  const { metadata } = await subject.get();
  const { items } = await subject.cluster.core.listNamespacedEvent({ namespace });
  // The server's own background work writes WAL too. Whoever else writes takes a transaction id, makes it reload, or is a slot.
  const written = await subject.sql(await primaryOf(subject), `select pg_snapshot_xmax(pg_current_snapshot()), pg_conf_load_time(),
    (select count(*) from pg_replication_slots), (select max(backend_start) from pg_stat_activity where backend_type = 'walsender')`);
  return { resourceVersion: metadata.resourceVersion, events: items.length, written };
}

export async function assertSilent(subject: Subject): Promise<void> {
  const { cluster } = subject;
  await subject.becomes(async () => {
    const one = await stateOf(subject);
    await pause(2_000);
    return one.resourceVersion === (await stateOf(subject)).resourceVersion ? undefined : "the status still moves";
  });
  const before = await stateOf(subject);
  const since = Math.floor(Date.now() / 1_000);
  await pause(watchedSeconds * 1_000);
  const after = await stateOf(subject);
  assert.deepEqual(after, before);
  // Reading what runs inside a container is an event too, and the tests' own looks do that: only changes count.
  const stream = await cluster.docker.getEvents({ since: since + 1, until: since + watchedSeconds - 1, filters: { label: [`${label.installation}=${cluster.installation}`] } });
  const events: string[] = [];
  for await (const line of stream) events.push(String(line));
  assert.deepEqual(events.filter((event) => !/"Action":"exec_/.test(event)), []);
}
