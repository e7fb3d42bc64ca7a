/** What PostgreSQL is asked to do, an action each. */
import type { Resource } from "../api/resource.ts";
import { Conflict } from "../errors.ts";
import type { Performers } from "./act.ts";

type ServerKind = "promote" | "ensureAccount" | "ensureDatabase" | "createSlot" | "dropSlot";

export const performers: Performers<ServerKind> = {
  // The decision is read once more, from the API server itself: an operator that was frozen in between, or one of two,
  // must not carry out what has been decided otherwise since.
  promote: async ({ target, ordinal, epoch }, { postgres, resources }, { metadata }, signal) => {
    const now = await resources.get(metadata, signal) as Pick<Resource, "status"> | undefined;
    const stands = now?.status.primary;
    if (stands?.epoch !== epoch || stands.ordinal !== ordinal) throw new Conflict(`${target.member} is not promoted: epoch ${epoch} no longer stands`);
    await postgres.promote(target, signal);
  },
  ensureAccount: async ({ target, account }, { postgres }, _, signal) => postgres.ensureAccount(target, account, signal),
  ensureDatabase: async ({ target, database, owner }, { postgres }, _, signal) => postgres.ensureDatabase(target, { name: database, owner }, signal),
  createSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.createSlot(target, slot, signal),
  dropSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.dropSlot(target, slot, signal),
};
