/**
 * Addresses that move between members. Stock images have no program for that and members no right to it, so a helper
 * does it: a container of pgrs/tools inside the member's network namespace, with the two capabilities that it takes and
 * nothing else, gone by itself within seconds. It must never be taken for a member or a job, nor outlive its work.
 */
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { label, labelsOf } from "../api/names.ts";
import { reason } from "../api/conditions.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";
import type { ContainerFacts, Engine, MovingAddress } from "../ports.ts";
import { helperBody } from "./docker-bodies.ts";
import type { Calls } from "./docker-calls.ts";
import { inspectContainer, ownerIn } from "./docker-containers.ts";
import { answered } from "./docker-errors.ts";
import { demultiplex, outputBytesMax } from "./docker-exec.ts";
import type { Tools } from "./docker-tools.ts";

export interface Addresses extends Pick<Engine, "addAddress" | "removeAddress"> {
  /** The containers that are no helpers; a helper that an earlier program left behind is removed in passing. */
  readonly withoutHelpers: (containers: readonly ContainerFacts[]) => readonly ContainerFacts[];
}

const limitMs = 30_000;
const done = /^done$/m;

/**
 * The first announcement counts: neighbours have the address where it was, and may look for it there for half a
 * minute. The others are for a neighbour that missed it, or whose kernel heeds no second word within a second; once
 * the address is taken off here, arping refuses. `done` tells that all but these is over.
 */
const adding = `
ip address replace "$2/32" dev "$1" && arping -q -U -c 1 -I "$1" "$2" || exit 1
echo done
for again in 1 2; do
  sleep 1
  arping -q -U -c 1 -I "$1" "$2" || exit 0
done`;

// Where there is no such NIC, there is no such address either.
const removing = `
if ip address show dev "$1" 2>/dev/null | grep -qF " $2/32 "; then ip address del "$2/32" dev "$1" || exit 1; fi
echo done`;

/** What a helper wrote, until it says that it is done, or to its end. */
const wordsOf = async (stream: Readable): Promise<string> => {
  let bytes = Buffer.alloc(0);
  let words = "";
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    words = demultiplex(bytes).payload.toString("utf8");
    if (done.test(words) || bytes.length > outputBytesMax) break;
  }
  return words;
};

interface Work { readonly what: string; readonly script: string; readonly image: string; readonly address: MovingAddress }

const failureOf = ({ what, address: { interfaceName } }: Work, words: string): Error =>
  /can't find device|cannot find device|does not exist/i.test(words)
    ? new Conflict(`${what}: the container has no interface ${interfaceName}`, { cause: new Error(words.trim()), reason: reason.NameMismatch })
    : new Transient(`${what}: ${words.trim() === "" ? "the helper ended without a word" : words.trim().slice(0, 500)}`);

const helped = async (docker: Docker, target: Docker.ContainerInspectInfo, work: Work, abortSignal: AbortSignal): Promise<void> => {
  const { image, script, address } = work;
  const labels = target.Config.Labels ?? {};
  const owner = { ...ownerIn(labels), uid: labels[label.uid] ?? "" };
  const helper = await docker.createContainer({
    ...helperBody({ image, target: target.Id, labels: labelsOf(owner, "helper"), command: ["sh", "-c", script, "address", address.interfaceName, address.address] }), abortSignal,
  });
  let isDone = false;
  try {
    // Listened to before it starts, since it takes what it wrote along when it goes.
    const stream = await helper.attach({ stream: true, stdout: true, stderr: true, abortSignal }) as unknown as Readable;
    await helper.start({ abortSignal });
    const words = await wordsOf(stream);
    isDone = done.test(words);
    if (!isDone) throw failureOf(work, words);
  } finally {
    // One that ran goes by itself, but one that never started would stay. Whoever is told of a failure need not wait.
    if (!isDone) helper.remove({ force: true, abortSignal: AbortSignal.timeout(limitMs) } as object).catch(() => undefined);
  }
};

/** The container whose address is meant; undefined when it is gone. Strangers' are refused. */
const targetOf = async (docker: Docker, what: string, container: string, abortSignal: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> => {
  const info = await inspectContainer(docker, container, abortSignal);
  if (info !== undefined && info.Config.Labels?.[label.installation] === undefined) {
    throw new Terminal(`${what}: the container is not ours`, { reason: reason.NameTaken });
  }
  return info;
};

const isLeftBehind = ({ state }: ContainerFacts): boolean => state !== "running" && state !== "removing";

interface Options {
  readonly tools: Tools;
  /** What was known of this container's NICs no longer holds. */
  readonly onChange: (id: string) => void;
}

export const addressCalls = (calls: Calls, { tools, onChange }: Options): Addresses => {
  let underWay = 0;

  const withHelper = async (target: Docker.ContainerInspectInfo, work: Work, signal: AbortSignal): Promise<void> => {
    underWay += 1;
    try {
      await calls.call(work.what, signal, async (docker, abortSignal) => {
        try {
          await helped(docker, target, work, abortSignal);
        } catch (error) {
          throw answered(error, 404, /no such image/i) ? tools.missing(work.what) : error;
        }
      }, { slow: true, limitMs });
    } finally {
      underWay -= 1;
      onChange(target.Id);
    }
  };

  const look = (what: string, container: string, signal: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> =>
    calls.call(what, signal, (docker, abortSignal) => targetOf(docker, what, container, abortSignal), { read: true });

  return {
    addAddress: async (container, address, signal) => {
      const what = `put ${address.address} on ${address.interfaceName} of ${container.slice(0, 12)}`;
      const target = await look(what, container, signal);
      if (target?.State.Running !== true) throw new Conflict(`${what}: the container ${target === undefined ? "is gone" : "does not run just now"}`);
      await withHelper(target, { what, script: adding, image: tools.image, address }, signal);
    },

    removeAddress: async (container, address, signal) => {
      const what = `take ${address.address} off ${address.interfaceName} of ${container.slice(0, 12)}`;
      const target = await look(what, container, signal);
      // An address lives no longer than the container's namespace.
      if (target?.State.Running !== true) return;
      await withHelper(target, { what, script: removing, image: tools.image, address }, signal);
    },

    withoutHelpers: (containers) => {
      const helpers = containers.filter(({ labels }) => labels[label.component] === "helper");
      // One of ours may be between its creation and its start just now.
      for (const { id } of underWay === 0 ? helpers.filter(isLeftBehind) : []) {
        calls.call("remove a helper that was left behind", AbortSignal.timeout(limitMs), (docker, abortSignal) =>
          docker.getContainer(id).remove({ v: true, abortSignal } as object), { slow: true, limitMs }).catch(() => undefined);
      }
      return containers.filter((one) => !helpers.includes(one));
    },
  };
};
