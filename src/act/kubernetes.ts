/** What the API server is asked to do, an action each. Those that change the resource return it as it is afterwards. */
import { finalizer } from "../api/names.ts";
import type { Status } from "../api/resource.ts";
import { uriOf } from "../plan/rules/secrets.ts";
import type { Performers } from "./act.ts";

type ResourceKind = "addFinalizer" | "removeFinalizer" | "createSecret" | "updateSecret" | "recordPrimary" | "recordSwitchover" | "recordSynchronous";

const withoutPromise = ({ synchronous: _, ...status }: Status): Status => status;

export const performers: Performers<ResourceKind> = {
  addFinalizer: async (_, { resources }, resource, signal) => {
    const all = [...resource.metadata.finalizers ?? [], finalizer];
    return { ...resource, metadata: await resources.setFinalizers(resource, all, signal) };
  },
  removeFinalizer: async (_, { resources }, resource, signal) => {
    const others = (resource.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    return { ...resource, metadata: await resources.setFinalizers(resource, others, signal) };
  },
  createSecret: async ({ secret, data }, { resources, newPassword }, resource, signal) => {
    const password = newPassword();
    await resources.createSecret(resource, secret, { ...data, password, ...uriOf(data, password) }, signal);
  },
  updateSecret: async ({ secret, data }, { resources }, resource, signal) =>
    resources.updateSecret({ namespace: resource.metadata.namespace, name: secret }, data, signal),
  recordPrimary: async ({ ordinal, epoch, change }, { resources, clock }, resource, signal) => {
    const previous = resource.status.primary?.ordinal;
    const status: Status = {
      ...withoutPromise(resource.status), ...change,
      primary: { ordinal, epoch, since: new Date(clock.now()).toISOString(), ...(previous === undefined ? {} : { previous }) },
    };
    return { ...resource, metadata: await resources.saveStatus(resource, status, signal), status };
  },
  recordSwitchover: async ({ switchover }, { resources }, resource, signal) => {
    const status: Status = { ...resource.status, switchover, observedSwitchoverToken: switchover.token };
    return { ...resource, metadata: await resources.saveStatus(resource, status, signal), status };
  },
  recordSynchronous: async ({ synchronous }, { resources }, resource, signal) => {
    const status: Status = { ...withoutPromise(resource.status), ...(synchronous === undefined ? {} : { synchronous }) };
    return { ...resource, metadata: await resources.saveStatus(resource, status, signal), status };
  },
};
