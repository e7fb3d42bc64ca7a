/** What the API server is asked to do, an action each. Those that change the resource return it as it is afterwards. */
import { finalizer, memberName } from "../api/names.ts";
import type { Resource } from "../api/resource.ts";
import { uriOf } from "../plan/rules/secrets.ts";
import type { Performers } from "./act.ts";

type ResourceKind = "addFinalizer" | "removeFinalizer" | "createSecret" | "updateSecret" | "recordPrimary";

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
  recordPrimary: async ({ ordinal, epoch }, { resources, clock }, resource, signal) => {
    const status: Resource["status"] = { ...resource.status, primary: { ordinal, epoch, since: new Date(clock.now()).toISOString() } };
    const metadata = await resources.saveStatus(resource, status, signal);
    await resources.note(resource, { type: "Normal", reason: "PrimaryRecorded", message: `${memberName(resource.metadata.name, ordinal)} is the primary from now on (epoch ${epoch})` }, signal);
    return { ...resource, metadata, status };
  },
};
