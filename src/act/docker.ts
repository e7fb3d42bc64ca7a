/** What the Engine is asked to do, an action each. */
import { Terminal, Transient } from "../errors.ts";
import { refusedNote } from "../plan/configuration.ts";
import { keepsOldNote } from "../postgres/look.ts";
import type { Performers } from "./act.ts";

type EngineKind = "pullImage" | "createNetwork" | "removeNetwork" | "createVolume" | "removeVolume" | "createContainer" | "removeContainer"
  | "attachNic" | "detachNic" | "startJob" | "startMember" | "stopMember" | "fenceMember" | "addAddress" | "removeAddress" | "removeOldData" | "noteParameters" | "configure";

/** Exit codes from here on are the Engine's own or tell of a signal. */
const signalled = 125;

export const performers: Performers<EngineKind> = {
  pullImage: async ({ image }, { engine }) => { engine.pull(image); },
  createNetwork: async ({ network }, { engine }, _, signal) => engine.createNetwork(network, signal),
  removeNetwork: async ({ network }, { engine }, _, signal) => engine.removeNetwork(network, signal),
  createVolume: async ({ volume, labels }, { engine }, _, signal) => engine.createVolume(volume, labels, signal),
  removeVolume: async ({ volume }, { engine }, _, signal) => engine.removeVolume(volume, signal),
  createContainer: async ({ container }, { engine }, _, signal) => { await engine.createContainer(container, signal); },
  removeContainer: async ({ container }, { engine }, _, signal) => engine.removeContainer(container, signal),
  attachNic: async ({ container, nic }, { engine }, _, signal) => engine.attach(container, nic, signal),
  detachNic: async ({ container, network }, { engine }, _, signal) => engine.detach(container, network, signal),
  startJob: async ({ container, files, directory }, { engine }, _, signal) => {
    const id = await engine.createContainer(container, signal);
    await engine.putFiles(id, directory, files, signal);
    await engine.start(id, signal);
  },
  startMember: async ({ container, files, directory, owns }, { engine }, _, signal) => {
    for (const path of owns) await engine.own(container, path, signal);
    await engine.putFiles(container, directory, files, signal);
    await engine.start(container, signal);
  },
  stopMember: async ({ container }, { engine }, _, signal) => engine.stop(container, signal),
  fenceMember: async ({ container }, { engine }, _, signal) => engine.kill(container, signal),
  addAddress: async ({ container, interfaceName, address }, { engine }, _, signal) => engine.addAddress(container, { interfaceName, address }, signal),
  removeAddress: async ({ container, interfaceName, address }, { engine }, _, signal) => engine.removeAddress(container, { interfaceName, address }, signal),
  // The note goes last: as long as it is there, the removal is asked for again.
  removeOldData: async ({ container, mount, dataDirectory }, { engine }, _, signal) => {
    const { exitCode, output } = await engine.exec(container, ["sh", "-c", `rm -rf ${mount}/pgdata.old && rm -f ${dataDirectory}/${keepsOldNote}`], "", signal);
    if (exitCode !== 0) throw new Transient(`remove the data kept in ${mount}/pgdata.old: ${output.trim().slice(0, 500)}`);
  },
  noteParameters: async ({ container, directory, file }, { engine }, _, signal) => engine.putFiles(container, directory, [file], signal),

  // The server reads a bad file without a word to the one who asked for the reload, and would not start with it later.
  // So the image's own postgres reads a copy first; what it refuses is noted on the volume, and nothing else changes.
  configure: async ({ target, files, directory, check }, { engine, postgres }, _, signal) => {
    const candidate = files.find(({ path }) => path.endsWith("/postgresql.conf"));
    if (check !== undefined && candidate !== undefined) {
      const data = `${directory}/pgdata`;
      await engine.putFiles(target.container, data, [{ path: "pgrs/candidate.conf", text: candidate.text }], signal);
      const { exitCode, output } = await engine.exec(target.container,
        ["postgres", "-D", data, `--config-file=${data}/pgrs/candidate.conf`, "-C", "config_file"], "", signal);
      const words = serverWords(output);
      // A program that was ended by a signal, or that said nothing, has not judged the parameters.
      if (exitCode >= signalled || (exitCode !== 0 && words === "")) throw new Transient(`check the parameters of ${target.member}: postgres ended with code ${exitCode} before it judged them`);
      if (exitCode !== 0) {
        await engine.putFiles(target.container, data, [refusedNote(check.hash, words)], signal);
        throw new Terminal(`PostgreSQL refuses the parameters: ${words}`, { reason: "InvalidParameter" });
      }
    }
    await engine.putFiles(target.container, directory, files, signal);
    await postgres.reload(target, signal);
  },
};

/** What a server that refuses its configuration says, without the time stamps and the path of the file. */
const serverWords = (output: string): string =>
  output.split("\n").filter((line) => /LOG|ERROR|FATAL|DETAIL|HINT/.test(line) && !/configuration file ".*" contains errors/.test(line))
    .map((line) => line.replace(/^.*?(LOG|ERROR|FATAL|DETAIL|HINT):\s*/, "").trim()).join("; ").slice(0, 1_000) || output.trim().slice(0, 1_000);
