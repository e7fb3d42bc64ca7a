/**
 * The helper's image. No registry is asked for it, since nobody vouches for what is there under its name, and it runs
 * with rights that no member has. When it is missing it is built in the background, where the program can do that.
 */
import { reason } from "../api/conditions.ts";
import { explain, Terminal, Transient } from "../errors.ts";
import type { Clock, Logger } from "../ports.ts";

export interface Tools {
  readonly image: string;
  /** The failure of who needed the image and found none. Sees to it that it is built, once at a time. */
  readonly missing: (what: string) => Terminal | Transient;
}

export interface ToolsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Left out where the program can't build. */
  readonly build: (() => Promise<unknown>) | undefined;
}

const image = "pgrs/tools:latest";
const buildAgainMs = 600_000;
const advice = "type `pgrs image build tools` on the Docker host, or load the image there (docker load)";

export const toolsImage = ({ clock, log, build }: ToolsOptions): Tools => {
  let isBuilding = false;
  let failed: { readonly because: string; readonly at: number } | undefined;

  const begin = (work: NonNullable<typeof build>): void => {
    isBuilding = true;
    log.info("building image", { image });
    work().then(
      () => { failed = undefined; log.info("built image", { image }); },
      (error: unknown) => { failed = { because: explain(error), at: clock.now() }; log.info("image build failed", { image, because: failed.because }); },
    ).finally(() => { isBuilding = false; });
  };

  const missing: Tools["missing"] = (what) => {
    const isDue = failed === undefined || clock.now() - failed.at >= buildAgainMs;
    if (build !== undefined && !isBuilding && isDue) begin(build);
    if (isBuilding) return new Transient(`${what}: the image ${image} is not there yet; it is being built`, { reason: reason.ImageUnavailable });
    const because = failed === undefined ? "" : ` and could not be built (${failed.because})`;
    return new Terminal(`${what}: the image ${image} is not there${because}; ${advice}`, { reason: reason.ImageUnavailable });
  };

  return { image, missing };
};
