/** Writes the pages of this folder that are made from the program. A test keeps them fresh. */
import { writeFileSync } from "node:fs";
import { failoverPage } from "./failover.ts";

writeFileSync(new URL("failover.md", import.meta.url), failoverPage());
