import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startControlPlane } from "../../src/apiserver/server.ts";
import { loadKubeConfig } from "../../src/adapters/kubernetes-config.ts";
import {
  definitionIsWrittenOnce, eventsCount, installationIsStable, loopFollows, secretsAreMadeOnce, server, writesRestOnVersions,
} from "./kubernetes-contract.ts";
import type { Server } from "./kubernetes-contract.ts";

let directory = "";
let plane: Awaited<ReturnType<typeof startControlPlane>>;
let at: Server;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "pgrs-adapter-"));
  plane = await startControlPlane({ directory, port: 0, log: { info: () => undefined, debug: () => undefined }, now: Date.now });
  at = server(loadKubeConfig(plane.kubeconfigPath));
  await definitionIsWrittenOnce(at);
});
after(async () => {
  await plane.stop();
  await rm(directory, { recursive: true });
});

test("the embedded control plane accepts our definition, and a second time without a write", () => definitionIsWrittenOnce(at));
test("its installation is stable", () => installationIsStable(at));
test("writes to resources rest on the version that was seen", () => writesRestOnVersions(at));
test("a repeated event counts", () => eventsCount(at));
test("a Secret is made once, and its keys can be set", () => secretsAreMadeOnce(at));
test("the loop follows changes, and its own status does not wake it", () => loopFollows(at));
