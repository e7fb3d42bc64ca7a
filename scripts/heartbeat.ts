// Shows that long work is alive: after five seconds without a line, the last one again with the seconds it has taken.
const silenceMs = 5_000;

/** Runs work with a `say` of its own; the heartbeat ends with it. */
export const withHeartbeat = async <T>(say: (line: string) => void, work: (say: (line: string) => void) => Promise<T>): Promise<T> => {
  let last = "";
  let begunAt = Date.now();
  let saidAt = begunAt;
  const beat = setInterval(() => {
    if (last === "" || Date.now() - saidAt < silenceMs) return;
    saidAt = Date.now();
    say(`${last}: ${String(Math.round((saidAt - begunAt) / 1000))} s`);
  }, 500);
  try {
    return await work((line) => {
      last = line;
      begunAt = saidAt = Date.now();
      say(line);
    });
  } finally {
    clearInterval(beat);
  }
};
