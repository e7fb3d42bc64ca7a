/** What PostgreSQL is asked to do, an action each. */
import type { Resource } from "../api/resource.ts";
import { Conflict } from "../errors.ts";
import { isAlive } from "../plan/cluster.ts";
import type { Performers } from "./act.ts";

type ServerKind = "promote" | "checkpoint" | "advanceSlot" | "ensureAccount" | "ensureDatabase" | "createSlot" | "dropSlot";

export const performers: Performers<ServerKind> = {
  // The decision is read once more, from the API server itself: an operator that was frozen in between, or one of two,
  // must not carry out what has been decided otherwise since. Only after that is the former primary looked at: whoever
  // starts it from now on finds the new decision before it could promote it.
  promote: async ({ target, ordinal, boot, fenced }, { engine, postgres, resources }, { metadata }, signal) => {
    const now = await resources.get(metadata, signal) as Pick<Resource, "status"> | undefined;
    const stands = now?.status.primary;
    if (stands?.epoch !== boot.epoch || stands.ordinal !== ordinal) throw new Conflict(`${target.member} is not promoted: epoch ${boot.epoch} no longer stands`);
    const former = fenced === undefined ? undefined : await engine.container(fenced, signal);
    if (former !== undefined && isAlive(former)) throw new Conflict(`${target.member} is not promoted: the former primary ${former.name} runs`);
    await postgres.promote(target, boot, signal);
  },
  checkpoint: async ({ target }, { postgres }, _, signal) => postgres.checkpoint(target, signal),
  ensureAccount: async ({ target, account }, { postgres }, _, signal) => postgres.ensureAccount(target, account, signal),
  ensureDatabase: async ({ target, database, owner }, { postgres }, _, signal) => postgres.ensureDatabase(target, { name: database, owner }, signal),
  createSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.createSlot(target, slot, signal),
  advanceSlot: async ({ target, slot, to }, { postgres }, _, signal) => postgres.advanceSlot(target, slot, to, signal),
  dropSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.dropSlot(target, slot, signal),
};
