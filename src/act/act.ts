/**
 * Carries out a plan: lanes side by side, the actions of a lane one after the other, a lane ending at its first
 * failure. Decides nothing. Every action names what it expects to find, so doing one twice is safe.
 */
import type { Resource } from "../api/resource.ts";
import type { Action, Kind, Plan } from "../plan/action.ts";
import type { World } from "../ports.ts";
import { performers as docker } from "./docker.ts";
import { performers as kubernetes } from "./kubernetes.ts";
import { performers as postgres } from "./postgres.ts";

/** A performer may change the resource (its finalizers, its recorded primary): it then returns it as it is now. */
export type Performers<K extends Kind = Kind> = {
  readonly [P in K]: (action: Action<P>, world: World, resource: Resource, signal: AbortSignal) => Promise<Resource | void>;
};

const performers: Performers = { ...docker, ...postgres, ...kubernetes };

export interface Failed { readonly action: Action; readonly error: unknown }

export interface Done {
  readonly succeeded: readonly Action[];
  readonly failed: readonly Failed[];
  /** The resource as it is after what was done. */
  readonly resource: Resource;
}

const perform = <K extends Kind>(action: Action<K>, world: World, resource: Resource, signal: AbortSignal): Promise<Resource | void> =>
  (performers[action.kind] as Performers<K>[K])(action, world, resource, signal);

export async function act({ actions }: Plan, resource: Resource, world: World, signal: AbortSignal): Promise<Done> {
  const succeeded: Action[] = [];
  const failed: Failed[] = [];
  let latest = resource;
  const lane = async (steps: readonly Action[]): Promise<void> => {
    for (const action of steps) {
      const startedAt = world.clock.now();
      try {
        signal.throwIfAborted();
        latest = await perform(action, world, latest, signal) ?? latest;
        succeeded.push(action);
        world.log.info(action.kind, { lane: action.lane, because: action.because, ms: world.clock.now() - startedAt });
      } catch (error) {
        failed.push({ action, error });
        return;
      }
    }
  };
  await Promise.all([...Map.groupBy(actions, (action) => action.lane).values()].map(lane));
  return { succeeded, failed, resource: latest };
}
