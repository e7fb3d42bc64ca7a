/** What PostgreSQL is asked to do, an action each. */
import type { Performers } from "./act.ts";

type ServerKind = "promote" | "ensureAccount" | "ensureDatabase" | "createSlot" | "dropSlot";

export const performers: Performers<ServerKind> = {
  promote: async ({ target }, { postgres }, _, signal) => postgres.promote(target, signal),
  ensureAccount: async ({ target, account }, { postgres }, _, signal) => postgres.ensureAccount(target, account, signal),
  ensureDatabase: async ({ target, database, owner }, { postgres }, _, signal) => postgres.ensureDatabase(target, { name: database, owner }, signal),
  createSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.createSlot(target, slot, signal),
  dropSlot: async ({ target, slot }, { postgres }, _, signal) => postgres.dropSlot(target, slot, signal),
};
