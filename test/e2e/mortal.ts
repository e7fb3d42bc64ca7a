/** Killing the program with -9 all the way to a goal, so that each action is once the one under way. */
import { setTimeout as pause } from "node:timers/promises";
import type { Check, Subject } from "./subject.ts";

/** How many actions the program has told of. */
const actionsDone = async ({ cluster }: Subject): Promise<number> => [...(await cluster.program.log()).matchAll(/ ms=\d/g)].length;

const isReached = async (subject: Subject, goal: readonly Check[]): Promise<boolean> => {
  for (const check of goal) {
    const objection = await check(subject).catch(String);
    if (objection !== undefined) return false;
  }
  return true;
};

const watchMs = 10;
const looksBetweenGoals = 50;
const livesMax = 40;
const lifeSecondsMax = 60;

/**
 * One life: ends as soon as `count` more actions are done, that is while the next one is under way, or when the goal
 * is reached. Says which.
 */
async function live(subject: Subject, count: number, goal: readonly Check[]): Promise<"killed" | "reached"> {
  const end = await actionsDone(subject) + count;
  const deadline = performance.now() + lifeSecondsMax * 1_000;
  for (let look = 1; performance.now() < deadline; look += 1) {
    if (await actionsDone(subject) >= end) {
      await subject.cluster.program.kill();
      return "killed";
    }
    if (look % looksBetweenGoals === 0 && await isReached(subject, goal)) return "reached";
    await pause(watchMs);
  }
  throw new Error(`in ${String(lifeSecondsMax)} s neither an action nor the goal`);
}

/** Kills the program after one action, then after two, then three, and so on from one, until the goal is reached all the same. */
export async function diesAllTheWayTo(subject: Subject, goal: readonly Check[]): Promise<void> {
  let deaths = 0;
  while (deaths < livesMax && await live(subject, 1 + deaths % 3, goal) === "killed") {
    deaths += 1;
    await subject.cluster.start();
  }
  console.log(`# killed ${String(deaths)} times on the way`);
  await subject.becomes(goal);
}
