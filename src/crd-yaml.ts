/** The CustomResourceDefinition as the text that people apply: `pgrs crd`, and the file in crds/. */
import { dump } from "js-yaml";
import { crd } from "./api/crd.ts";

export const crdYaml = (): string => `# Generated from src/api/schema.ts by npm run generate.\n${dump(crd, { noRefs: true, lineWidth: 140 })}`;
