/**
 * winston behind the Logger of ports.ts: one line for each effect, as JSON or for people. It must never write a
 * secret: what stands under a name such as password is replaced, at any depth, and so are passwords inside URIs.
 */
import { createLogger, format, transports, type Logger as Winston } from "winston";
import { explain } from "./errors.ts";
import type { Logger } from "./ports.ts";

export interface LogOptions {
  readonly format: "json" | "human";
  readonly level?: "info" | "debug";
  /** Left out, standard output. */
  readonly stream?: NodeJS.WritableStream;
}

type Fields = Readonly<Record<string, unknown>>;

const hidden = "[hidden]";
const secretName = /password|passwd|secret(?!Ref|Name)|token|verifier|authorization|private.?key|credential|pgpass/i;
const depthMax = 6;
const textCharactersMax = 4096;

const cleanText = (text: string): string => {
  const clean = text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]+@/gi, `$1:${hidden}@`).replace(/(\bpassword\s*=\s*)('[^']*'|\S+)/gi, `$1${hidden}`)
    .replace(/SCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b/g, hidden);
  return clean.length > textCharactersMax ? `${clean.slice(0, textCharactersMax)}...` : clean;
};

/** A value fit for the log: no secrets, bounded in depth and length, errors as their line of causes. */
export const fit = (value: unknown, depth = 0): unknown => {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return cleanText(explain(value));
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (depth >= depthMax) return "...";
  if (Array.isArray(value)) return value.map((each) => fit(each, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, secretName.test(name) ? hidden : fit(each, depth + 1)]));
};

// winston would append a field called message to the message, and let the others replace its own.
const reserved: ReadonlySet<string> = new Set(["message", "level", "timestamp"]);
const fitFields = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fit(fields) as Fields).map(([name, value]) => [reserved.has(name) ? `${name}_` : name, value]));

const word = (value: unknown): string => (typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value) ?? "");

const human = format.printf(({ timestamp, level, message, ...fields }) => {
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${word(value)}`);
  return [String(timestamp), level === "info" ? "" : level, String(message), ...rest].filter((part) => part !== "").join(" ");
});

const over = (winston: Winston, bound: Fields): Logger => ({
  info: (message, fields = {}) => { winston.info(cleanText(message), { ...bound, ...fitFields(fields) }); },
  debug: (message, fields = {}) => { if (winston.isDebugEnabled()) winston.debug(cleanText(message), { ...bound, ...fitFields(fields) }); },
  with: (fields) => over(winston, { ...bound, ...fitFields(fields) }),
});

/** The program's root logger. */
export const logger = ({ format: form, level = "info", stream }: LogOptions): Logger => {
  const line = form === "json" ? format.json() : human;
  return over(createLogger({
    level,
    format: format.combine(format.timestamp(), line),
    transports: [stream === undefined ? new transports.Console({ forceConsole: false }) : new transports.Stream({ stream })],
    exitOnError: false,
  }), {});
};
