/** Regular expressions of schemas are written for RE2; these are the differences that JavaScript has to be told. */

const posixClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z", alpha: "A-Za-z", digit: "0-9", lower: "a-z", upper: "A-Z", space: "\\s", word: "\\w",
  xdigit: "0-9A-Fa-f", blank: " \\t", punct: "!-\\/:-@\\[-`\\{-~", cntrl: "\\x00-\\x1f\\x7f", print: " -~", graph: "!-~", ascii: "\\x00-\\x7f",
};

const translate = (pattern: string) => pattern
  .replaceAll("(?P<", "(?<")
  .replaceAll(/\[:(\w+):\]/g, (whole, name: string) => posixClasses[name] ?? whole)
  .replaceAll(/\\(\\|A|z)/g, (_, what: string) => what === "A" ? "^" : what === "z" ? "$" : "\\\\");

const build = (pattern: string): RegExp | undefined => {
  const [, flags = "", rest = ""] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? [];
  // The "u" mode rejects harmless escapes such as `\-`, which RE2 accepts: those go without it.
  for (const mode of [`${flags}u`, flags]) {
    try { return new RegExp(translate(rest), mode); } catch { /* the next mode, or nothing */ }
  }
  return undefined;
};

const compiledMax = 1000;
const compiled = new Map<string, RegExp | undefined>();

/** The expression, or undefined when it cannot be compiled. Compiled ones are kept, up to a bound. */
export const compilePattern = (pattern: string): RegExp | undefined => {
  if (compiled.has(pattern)) return compiled.get(pattern);
  if (compiled.size >= compiledMax) compiled.clear();
  const expression = build(pattern);
  compiled.set(pattern, expression);
  return expression;
};
