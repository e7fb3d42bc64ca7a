/**
 * What a stopped member's control file tells: whether it ended as a primary or as a standby, cleanly or not, and where.
 * The first fields have lain at the same places since 9.3. Source: PostgreSQL source, src/include/catalog/pg_control.h.
 */
import { formatLsn, type Lsn } from "./lsn.ts";

/** inProduction: a primary that crashed, or runs. shutDown: a primary that ended cleanly. The next two: the same of a standby. */
export type ControlState = "inProduction" | "shutDown" | "shutDownInRecovery" | "inRecovery" | "other";

export interface ControlFacts {
  readonly systemIdentifier: string;
  /** The major version that the data belongs to; undefined when it is newer than those known here. */
  readonly major: string | undefined;
  readonly state: ControlState;
  /** Of the last checkpoint. */
  readonly timeline: number;
  /** Where the record of the last checkpoint begins. */
  readonly checkpoint: Lsn;
}

// The catalog's version, a date and a number, of each first release (src/include/catalog/catversion.h).
const catalogs: readonly (readonly [catalog: number, major: string])[] = [
  [201306121, "9.3"], [201409291, "9.4"], [201510051, "9.5"], [201608131, "9.6"], [201707211, "10"], [201809051, "11"], [201909212, "12"],
  [202007201, "13"], [202107181, "14"], [202209061, "15"], [202307071, "16"], [202406281, "17"], [202506291, "18"],
];

// enum DBState
const states: readonly ControlState[] = ["other", "shutDown", "shutDownInRecovery", "other", "other", "inRecovery", "inProduction"];

// Until 10 the position of the checkpoint before stood in between.
const versionWithoutPrevious = 1100;
const bytesMin = 64;

/** Undefined when the bytes are too few for a control file. Integers are as the machine writes them, little-endian here. */
export function parseControl(bytes: Uint8Array): ControlFacts | undefined {
  if (bytes.length < bytesMin) return undefined;
  const file = Buffer.from(bytes);
  const copyAt = file.readUInt32LE(8) >= versionWithoutPrevious ? 40 : 48;
  return {
    systemIdentifier: file.readBigUInt64LE(0).toString(),
    major: catalogs.find(([catalog]) => catalog === file.readUInt32LE(12))?.[1],
    state: states[file.readUInt32LE(16)] ?? "other",
    checkpoint: formatLsn(file.readBigUInt64LE(32)),
    timeline: file.readUInt32LE(copyAt + 8),
  };
}
