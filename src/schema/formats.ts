/** The string formats that Kubernetes checks; any other name is an annotation for readers and never refused. */
import { isIPv4, isIPv6 } from "node:net";

const isCidr = (text: string) => {
  const [, address = "", bits = ""] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
};

const isDay = (text: string) => {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
};

const isDateTime = (text: string) => {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  return match !== null && isDay(match[1] ?? "");
};

const isHostname = (text: string) =>
  text.length <= 253 && /^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*$/.test(text);

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  "date": isDay,
  "date-time": isDateTime,
  "datetime": isDateTime,
  "duration": (text) => /^[-+]?(\d+(\.\d*)?(ns|us|µs|μs|ms|s|m|h))+$/.test(text) || text === "0",
  "ipv4": (text) => isIPv4(text),
  "ipv6": (text) => isIPv6(text),
  "cidr": isCidr,
  "mac": (text) => /^([0-9a-fA-F]{2}([:-]))([0-9a-fA-F]{2}\2){4}[0-9a-fA-F]{2}$/.test(text),
  "hostname": isHostname,
  "email": (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  "uri": (text) => URL.canParse(text) || text.startsWith("/"),
  "uuid": (text) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text),
  "uuid3": (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  "uuid4": (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  "uuid5": (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  "byte": (text) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
};

/** Whether the text has the format; formats that nobody checks are always had. */
export const hasFormat = (format: string, text: string): boolean =>
  !Object.hasOwn(formats, format) || formats[format]?.(text) === true;
