/**
 * Questions that clients ask about themselves, and tokens for service accounts. Nothing here is stored. Who may do what
 * is decided in access.ts; these only repeat it.
 */
import { own } from "../schema/json.ts";
import { mayUse } from "./access.ts";
import { decodeBody } from "./bodies.ts";
import { liveObject } from "./core.ts";
import { ofKind } from "./decoding.ts";
import { objectAt, timestamp } from "./objects.ts";
import { badRequest, noSuchResource } from "./problems.ts";
import type { Call, Core, Result } from "./core.ts";
import type { JsonObject } from "../schema/types.ts";

const all = ["*"];

const statusFor = ({ served: { kind }, user }: Call): JsonObject => {
  const allowed = mayUse(user);
  switch (kind.kind) {
    case "SelfSubjectAccessReview": return allowed ? { allowed } : { allowed, reason: "only authenticated users may" };
    case "SelfSubjectRulesReview": return {
      resourceRules: allowed ? [{ verbs: all, apiGroups: all, resources: all }] : [],
      nonResourceRules: allowed ? [{ verbs: all, nonResourceURLs: all }] : [], incomplete: false,
    };
    default: return { userInfo: { username: user.name, ...(user.uid === undefined ? {} : { uid: user.uid }), groups: user.groups } };
  }
};

/** POST of a review: the question with its answer. */
export const review = (call: Call): Result => {
  const question = ofKind(call.served.kind, decodeBody(call.body).value);
  return { is: "json", code: 201, body: { ...question, metadata: { creationTimestamp: null, ...objectAt(question, "metadata") }, status: statusFor(call) }, warnings: [] };
};

const defaultSeconds = 3600;
const secondsMin = 600;
const secondsMax = 2 ** 32;

const secondsOf = (spec: JsonObject): number => {
  const asked = own(spec, "expirationSeconds") ?? defaultSeconds;
  if (typeof asked !== "number" || asked < secondsMin) throw badRequest("spec.expirationSeconds: may not specify a duration less than 10 minutes");
  if (asked > secondsMax) throw badRequest("spec.expirationSeconds: may not specify a duration larger than 2^32 seconds");
  return asked;
};

/** POST to serviceaccounts/NAME/token: a token that says who the caller is, for as long as it asked. */
export const requestToken = (core: Core, call: Call): Result => {
  const { kind } = call.served;
  if (kind.custom || kind.kind !== "ServiceAccount") throw noSuchResource();
  const { metadata: { name, uid } } = liveObject(core, call);
  const body = decodeBody(call.body).value;
  const request = typeof body === "object" && body !== null && !Array.isArray(body) ? body as JsonObject : {};
  const spec = objectAt(request, "spec");
  const expirationSeconds = secondsOf(spec);
  const nowSeconds = Math.floor(core.now() / 1000);
  const token = core.mintToken({
    sub: `system:serviceaccount:${call.namespace}:${name}`, iat: nowSeconds, nbf: nowSeconds, exp: nowSeconds + expirationSeconds,
    "kubernetes.io": { namespace: call.namespace, serviceaccount: { name, uid } },
  });
  return {
    is: "json", code: 201, warnings: [],
    body: {
      kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", metadata: { name, namespace: call.namespace, creationTimestamp: timestamp(core.now()) },
      spec: { ...spec, expirationSeconds }, status: { token, expirationTimestamp: timestamp((nowSeconds + expirationSeconds) * 1000) },
    },
  };
};
