import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keyOf } from "../../src/controller/cache.ts";
import { watchResources } from "../../src/controller/watch.ts";
import type { Watched, WatchEvent } from "../../src/controller/cache.ts";
import type { Clock } from "../../src/controller/clock.ts";
import type { WatchOptions } from "../../src/controller/watch.ts";
import { settled, virtualClock } from "./virtual-clock.ts";
import { bookmark, event, expired, fakeServer, object } from "./watched.ts";

/** A watch on virtual time against a fake server. Jitter is off: the first pause takes 200 ms. */
const start = (prepare: Partial<WatchOptions> = {}, first: readonly Watched[] | Error = [object("a", 3)]) => {
  const clock = virtualClock();
  const server = fakeServer();
  server.next = first instanceof Error ? first : { version: 5, items: first };
  const stop = new AbortController();
  const changed: string[] = [];
  const infos: unknown[] = [];
  let synced = 0;
  const watching = watchResources({
    list: server.list, watch: server.watch, onChange: (key) => changed.push(key), onSynced: () => { synced += 1; },
    idleTimeoutMs: 60_000, resyncMs: 600_000, clock, random: () => 1 - Number.EPSILON,
    log: { info: (_message, fields) => infos.push(fields?.error), debug: () => undefined }, signal: stop.signal, ...prepare,
  });
  const stream = (index: number) => {
    const found = server.streams[index];
    assert.ok(found, `stream ${index} was opened`);
    return found;
  };
  const take = () => changed.splice(0);
  const finish = async () => {
    stop.abort();
    await watching.stopped;
    await settled();
    assert.equal(clock.sleepers(), 0, "no timer outlives the watch");
    assert.ok(server.streams.every(({ signal }) => signal.aborted), "no stream outlives the watch");
  };
  return { clock, server, watching, stream, take, finish, infos, synced: () => synced, stop };
};

test("the list is reported first, then it is synced, then events come from its version on", async () => {
  const order: string[] = [];
  const loop = start({ onChange: (key) => order.push(key), onSynced: () => order.push("synced") }, [object("a", 3), object("b", 4)]);
  await settled();
  assert.deepEqual(order, ["n/a", "n/b", "synced"]);
  assert.equal(loop.stream(0).from, "5");
  loop.stream(0).say(event("ADDED", object("c", 6)));
  loop.stream(0).say(event("DELETED", object("a", 7)));
  assert.deepEqual(order.slice(3), ["n/c", "n/a"]);
  assert.deepEqual(loop.watching.keys(), ["n/b", "n/c"]);
  assert.deepEqual(loop.watching.get("n/c"), object("c", 6));
  await loop.finish();
});

test("after a clean close it goes on from the last version heard, a bookmark's too", async () => {
  const loop = start();
  await settled();
  loop.stream(0).say(event("MODIFIED", object("a", 8)));
  loop.stream(0).say(bookmark(12));
  loop.stream(0).close();
  await loop.clock.advance(200);
  assert.equal(loop.stream(1).from, "12");
  loop.stream(1).close();
  await loop.clock.advance(400);
  assert.equal(loop.stream(2).from, "12");
  assert.equal(loop.server.lists(), 1);
  assert.deepEqual(loop.infos, []);
  await loop.finish();
});

test("a server that closes each stream at once is asked ever more slowly", async () => {
  let opened = 0;
  const loop = start({ watch: async () => { opened += 1; } });
  await loop.clock.advance(60_000);
  assert.equal(opened, 9, "at 0, 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4 and 51 seconds");
  await loop.finish();
});

test("a stream that was healthy for long resets the pause, even if it told nothing", async () => {
  const loop = start();
  await settled();
  for (let index = 0; index < 12; index += 1) {
    await loop.clock.advance(5_000);
    loop.stream(index).close();
    await loop.clock.advance(200);
  }
  assert.equal(loop.server.streams.length, 13);
  await loop.finish();
});

test("an expired version is listed anew, and what vanished meanwhile is noticed", async () => {
  const loop = start({}, [object("a", 3), object("b", 4)]);
  await settled();
  assert.deepEqual(loop.take(), ["n/a", "n/b"]);
  loop.server.next = { version: 90, items: [object("b", 4), object("c", 80)] };
  loop.stream(0).say(expired);
  await loop.clock.advance(200);
  assert.deepEqual(loop.take(), ["n/c", "n/a"]);
  assert.equal(loop.stream(1).from, "90");
  assert.equal(loop.synced(), 1);
  assert.deepEqual(loop.infos, [], "an expired version is normal");
  await loop.finish();
});

test("any other refusal within the stream is told, and listed anew", async () => {
  const loop = start();
  await settled();
  loop.stream(0).say({ type: "ERROR", object: { code: 500, message: "etcd is gone" } });
  await loop.clock.advance(200);
  loop.stream(1).say({ type: "ERROR", object: {} });
  await loop.clock.advance(400);
  assert.equal(loop.server.lists(), 3);
  assert.deepEqual(loop.infos, ["the server ended the watch: etcd is gone", "the server ended the watch: no reason given"]);
  await loop.finish();
});

test("a broken stream is listed anew with a growing pause; a word from the server shortens it again", async () => {
  const loop = start({ explain: ({ message }) => `explained: ${message}` });
  await settled();
  for (const [index, pauseMs] of [200, 400, 800].entries()) {
    loop.stream(index).fail(new Error(`reset ${index}`));
    await loop.clock.advance(pauseMs - 1);
    assert.equal(loop.server.streams.length, index + 1);
    await loop.clock.advance(1);
  }
  loop.stream(3).say(bookmark(6));
  loop.stream(3).fail(new Error("reset 3"));
  await loop.clock.advance(200);
  assert.equal(loop.server.streams.length, 5);
  assert.deepEqual(loop.infos.slice(0, 2), ["explained: reset 0", "explained: reset 1"]);
  await loop.finish();
});

test("a list that fails or hangs is tried again, and synced waits for it", async () => {
  const loop = start({}, new Error("connection refused"));
  await settled();
  loop.server.next = "hang";
  await loop.clock.advance(60_200);
  assert.equal(loop.synced(), 0);
  loop.server.next = { version: 5, items: [object("a", 3)] };
  await loop.clock.advance(400);
  assert.equal(loop.synced(), 1);
  assert.deepEqual(loop.take(), ["n/a"]);
  assert.deepEqual(loop.infos, ["connection refused", "the list took longer than 60000 ms"]);
  await loop.finish();
});

test("silence ends a stream, any word of it does not, and what an abandoned stream says later is not heard", async () => {
  const loop = start();
  await settled();
  await loop.clock.advance(59_000);
  loop.stream(0).say(bookmark(6));
  await loop.clock.advance(59_999);
  assert.equal(loop.stream(0).signal.aborted, false);
  await loop.clock.advance(1);
  assert.equal(loop.stream(0).signal.aborted, true);
  loop.take();
  loop.stream(0).say(event("ADDED", object("ghost", 99)));
  assert.deepEqual([loop.take(), loop.watching.get("n/ghost")], [[], undefined]);
  await loop.clock.advance(200);
  assert.equal(loop.server.streams.length, 2);
  assert.deepEqual(loop.infos, ["no event and no bookmark for 60000 ms"]);
  await loop.finish();
});

test("status alone wakes nobody, but is known", async () => {
  const loop = start();
  await settled();
  loop.take();
  loop.stream(0).say(event("MODIFIED", object("a", 6, { ready: true })));
  assert.deepEqual(loop.take(), []);
  assert.deepEqual(loop.watching.get("n/a"), object("a", 6, { ready: true }));
  await loop.finish();
});

test("each resync reports every key and heals what the stream kept to itself", async () => {
  const loop = start({ resyncMs: 30_000 }, [object("a", 3), object("b", 4)]);
  await settled();
  loop.take();
  loop.server.next = { version: 9, items: [object("a", 3)] };
  await loop.clock.advance(30_000);
  assert.deepEqual(loop.take(), ["n/a", "n/b"]);
  await loop.clock.advance(200);
  assert.deepEqual(loop.take(), ["n/b"], "its deletion had been lost");
  assert.deepEqual(loop.watching.keys(), ["n/a"]);
  assert.deepEqual(loop.infos, []);
  await loop.finish();
});

test("a resync goes on while the server is away", async () => {
  const loop = start({ resyncMs: 30_000 });
  await settled();
  loop.take();
  loop.server.next = new Error("connection refused");
  loop.stream(0).fail(new Error("reset"));
  await loop.clock.advance(90_000);
  assert.deepEqual(loop.take(), ["n/a", "n/a", "n/a"]);
  await loop.finish();
});

test("a stop before, during and after a list ends it", async () => {
  const hanging = start({ list: () => new Promise(() => undefined) });
  await hanging.finish();
  const aborted = new AbortController();
  aborted.abort();
  const never = start({ signal: aborted.signal });
  await never.watching.stopped;
  assert.equal(never.server.lists(), 0);
  const pausing = start({ list: async () => { throw new Error("no"); } });
  await pausing.clock.advance(100);
  await pausing.finish();
});

/** A server with a history, which streams from any version, badly: it closes, breaks and expires as it is told to. */
const badServer = (scheduler: fc.Scheduler, tricks: ("close" | "break" | "expire" | "repeat")[]) => {
  const history: WatchEvent[] = [];
  const live = new Map<string, Watched>();
  let wake: () => void = () => undefined; // one stream at a time waits for a write
  const write = (type: "MODIFIED" | "DELETED", name: string): void => {
    const written = object(name, history.length + 1, { generation: history.length + 1 });
    if (type === "DELETED") live.delete(`n/${name}`); else live.set(`n/${name}`, written);
    history.push(event(type, written));
    wake();
  };
  const list = async () => {
    await scheduler.schedule(Promise.resolve(), "list");
    return { resourceVersion: String(history.length), items: [...live.values()] };
  };
  const watch: WatchOptions["watch"] = async (from, onEvent, signal) => {
    let sent = Number(from);
    while (!signal.aborted) {
      await scheduler.schedule(Promise.resolve(), `stream after ${sent}`);
      const trick = tricks.shift();
      if (trick === "close") return;
      if (trick === "break") throw new Error("reset");
      if (trick === "expire") return onEvent(expired);
      if (trick === "repeat") sent = Math.max(0, sent - 2);
      const next = history[sent];
      if (next === undefined) await new Promise<void>((resolve) => { wake = resolve; signal.addEventListener("abort", () => resolve()); });
      else { onEvent(next); sent += 1; }
    }
  };
  return { write, list, watch, live, history };
};

test("in every interleaving of writes and broken streams, the cache ends as the server and every object's last change was reported", async () => {
  const writes = fc.array(fc.tuple(fc.constantFrom<"MODIFIED" | "DELETED">("MODIFIED", "MODIFIED", "DELETED"), fc.constantFrom("a", "b", "c")), { maxLength: 10 });
  const tricks = fc.array(fc.constantFrom<"close" | "break" | "expire" | "repeat">("close", "break", "expire", "repeat"), { maxLength: 8 });
  await fc.assert(fc.asyncProperty(fc.scheduler(), writes, tricks, async (scheduler, asked, played) => {
    const server = badServer(scheduler, [...played]);
    let now = 0;
    const clock: Clock = {
      now: () => now,
      sleep: async (ms, signal) => {
        const until = now + ms;
        if (ms >= 60_000) return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
        await scheduler.schedule(Promise.resolve(), "time passes");
        now = Math.max(now, until);
      },
    };
    const stop = new AbortController();
    const reported = new Map<string, Watched | undefined>();
    const watching = watchResources({
      list: server.list, watch: server.watch, onSynced: () => undefined, idleTimeoutMs: 100_000, resyncMs: 1_000_000, clock, random: () => 0,
      onChange: (key) => { reported.set(key, watching.get(key)); }, log: { info: () => undefined, debug: () => undefined }, signal: stop.signal,
    });
    for (const [type, name] of asked) void scheduler.schedule(Promise.resolve(), `${type} ${name}`).then(() => server.write(type, name));
    await scheduler.waitIdle();
    stop.abort(new Error("the end"));
    await watching.stopped;
    assert.deepEqual(watching.keys().toSorted(), [...server.live.keys()].toSorted());
    for (const key of new Set(server.history.map((one) => keyOf(one.object) ?? ""))) {
      assert.equal(watching.get(key), server.live.get(key), `${key} as known`);
      assert.equal(reported.get(key), server.live.get(key), `${key} as last reported`);
    }
  }), { numRuns: 300 });
});
