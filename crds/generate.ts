/** Writes the CustomResourceDefinition as YAML; `--print` shows it instead. A test keeps the file fresh. */
import { writeFileSync } from "node:fs";
import { crdYaml } from "../src/crd-yaml.ts";

const file = new URL("postgresreplicasets.pgrs.dev.yaml", import.meta.url);
if (process.argv.includes("--print")) process.stdout.write(crdYaml());
else writeFileSync(file, crdYaml());
