// What a hand-made replication ends with: a table made on the primary is read on every standby, by psql in the
// containers themselves, so that nothing between stands in for the servers.
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import type { Resource } from "../src/api/resource.ts";

const arrivalSeconds = 15;
const statementSeconds = 20;

export interface Member { readonly name: string; readonly role: string; readonly container: string }

/** The members that run, the primary first. */
export const runningMembers = ({ status }: Resource): readonly Member[] => (status.members ?? [])
  .flatMap(({ name, role, container }) => container === undefined || container === "" ? [] : [{ name, role, container }])
  .sort((one, other) => Number(other.role === "Primary") - Number(one.role === "Primary"));

/** Runs one statement as the container's user postgres; psql's words are the failure's. */
const psql = async (docker: Docker, { name, container }: Member, statement: string, options: readonly string[] = []): Promise<string> => {
  const exec = await docker.getContainer(container).exec({
    Cmd: ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "postgres", ...options, "-c", statement],
    User: "postgres", AttachStdout: true, AttachStderr: true, abortSignal: AbortSignal.timeout(statementSeconds * 1000),
  });
  const stream = await exec.start({});
  const output = new PassThrough();
  const parts: Buffer[] = [];
  output.on("data", (part: Buffer) => { parts.push(part); });
  docker.modem.demuxStream(stream, output, output);
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(() => { stream.destroy(new Error(`${name}: psql did not end within ${String(statementSeconds)} s`)); }, statementSeconds * 1000);
    stream.on("end", resolve).on("error", reject).on("close", () => { clearTimeout(limit); });
  });
  const text = Buffer.concat(parts).toString("utf8").trim();
  const { ExitCode: code } = await exec.inspect();
  if (code !== 0) throw new Error(`${name}: psql failed: ${text}`);
  return text;
};

const makeTable = "create table if not exists hello (id bigserial primary key, said text not null, at timestamptz not null default now())";
const show = (id: string): string => `select id, said, at, pg_is_in_recovery() as read_only from hello where id = ${id}`;

const waitForRow = async (docker: Docker, standby: Member, id: string): Promise<void> => {
  const deadline = Date.now() + arrivalSeconds * 1000;
  for (;;) {
    const seen = await psql(docker, standby, `select count(*) from hello where id = ${id}`, ["-A", "-t"]).catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
      return ""; // the table itself may be on its way
    });
    if (seen === "1") return;
    if (Date.now() > deadline) throw new Error(`${standby.name}: row ${id} of table hello did not arrive within ${String(arrivalSeconds)} s`);
    await sleep(100);
  }
};

/** Writes a row on the primary, waits for it on each standby, and shows both sides. */
export const proveReplication = async (docker: Docker, resource: Resource, say: (line: string) => void): Promise<void> => {
  const [primary, ...standbys] = runningMembers(resource);
  if (primary?.role !== "Primary") throw new Error(`${resource.metadata.name} has no primary that runs`);
  await psql(docker, primary, makeTable);
  const id = await psql(docker, primary, `insert into hello (said) values ('hello from ${primary.name}') returning id`, ["-A", "-t"]);
  for (const member of [primary, ...standbys]) {
    if (member !== primary) await waitForRow(docker, member, id);
    say(`${member.name} (${member.role}): select * from hello`);
    say(await psql(docker, member, show(id)));
  }
};
