/** Finds properties that a JSON text names twice, which a parser silently drops. The text is known to be valid JSON. */
import { child } from "../schema/json.ts";

interface Frame { readonly path: string; readonly names: Set<string> | undefined; index: number; name: string }

// Strings first, so that punctuation inside them is not seen; other scalars do not matter.
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

const pathOf = (frame: Frame | undefined): string => {
  if (frame === undefined) return "";
  return frame.names === undefined ? `${frame.path}[${frame.index}]` : child(frame.path, frame.name);
};

/** The paths of properties that stand twice in one object, each once. */
export const duplicateFields = (json: string): readonly string[] => {
  const found = new Set<string>();
  const frames: Frame[] = [];
  let isName = false;
  for (const [text] of json.matchAll(token)) {
    const top = frames.at(-1);
    if (text === "{" || text === "[") {
      frames.push({ path: pathOf(top), names: text === "{" ? new Set() : undefined, index: 0, name: "" });
      isName = text === "{";
    } else if (text === "}" || text === "]") {
      frames.pop();
      isName = false;
    } else if (text === "," && top !== undefined) {
      top.index += 1;
      isName = top.names !== undefined;
    } else if (isName && text !== ":" && top?.names !== undefined) {
      top.name = JSON.parse(text) as string;
      if (top.names.has(top.name)) found.add(pathOf(top));
      top.names.add(top.name);
      isName = false;
    }
  }
  return [...found];
};
