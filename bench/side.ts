/** A cluster of three members under measurement, whoever looks after it: the operator, or a person's script. */
import type { Route } from "../test/e2e/session.ts";

export interface Side {
  /** The members' addresses for clients, by ordinal. */
  readonly hosts: readonly string[];
  readonly application: Route;
  readonly superuser: Route;
  readonly containerOf: (ordinal: number) => string;
  /** Does what it takes to make this member the primary in good order. Resolves when it was asked for. */
  switchTo(ordinal: number): Promise<void>;
  /** Resolves when whoever looks after it has done all there was to do. Throws when they gave up. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export const ordinals = [0, 1, 2] as const;

export const othersThan = (ordinal: number): readonly number[] => ordinals.filter((other) => other !== ordinal);
