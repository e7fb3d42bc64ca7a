// Every local image serves as the official one would: as user 999 without capabilities, on a new volume, with a copy
// taken by its own pg_basebackup, and a clean stop by its own stop signal.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build, buildImage, buildTools, contentTag } from "../../src/images/build.ts";
import { postgresRecipe, toolsRecipe } from "../../src/images/recipes.ts";
import { docker, labels, runToEnd, startServer, sweep } from "./engine.ts";

const network = labels["pgrs.test"] ?? "";
const progress = (): void => undefined;
const openDoor = "printf '%s\\n' 'local all all trust' 'host all all all trust' 'host replication all all trust' > $PGDATA/pg_hba.conf";
/** The npm servers come without their tools; only Debian's packages bring pg_rewind. */
const majors = [{ major: "11", rewinds: false }, { major: "15", rewinds: true }, { major: "17", rewinds: true }];

before(async () => { await docker.createNetwork({ Name: network, Labels: { ...labels } }); });
after(sweep);

for (const { major, rewinds } of majors) {
  describe(`pgrs/postgres:${major}`, () => {
    const image = `pgrs/postgres:${major}`;
    const volumes = [`${network}-${major}-a`, `${network}-${major}-b`] as const;

    before(async () => {
      await buildImage({ docker, major, progress });
      for (const name of volumes) await docker.createVolume({ Name: name, Labels: { ...labels } });
    });

    test("has the conventions of the official image", async () => {
      const { Config } = await docker.getImage(image).inspect();
      const environment = new Map(Config.Env?.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
      assert.equal(environment.get("PG_MAJOR"), major);
      assert.match(environment.get("PG_VERSION") ?? "", new RegExp(`^${major}\\.\\d+`));
      assert.equal(environment.get("PGDATA"), "/var/lib/postgresql/data");
      assert.match(environment.get("PATH") ?? "", new RegExp(`/usr/lib/postgresql/${major}/bin`));
      assert.deepEqual(Object.keys(Config.Volumes ?? {}), ["/var/lib/postgresql/data"]);
      assert.deepEqual(Object.keys(Config.ExposedPorts ?? {}), ["5432/tcp"]);
      assert.deepEqual(Config.Entrypoint, ["docker-entrypoint.sh"]);
      assert.deepEqual(Config.Cmd, ["postgres"]);
      assert.equal((Config as { readonly StopSignal?: string }).StopSignal, "SIGINT");
    });

    test("has the programs that a member needs, and pg_rewind where Debian has it", async () => {
      const programs = ["postgres", "initdb", "pg_ctl", "psql", "pg_basebackup", "pg_isready", "bash", "sh", "tar", "awk"];
      const missing = await runToEnd({ image, command: ["bash", "-c", `for p in ${programs.join(" ")}; do type -P $p >/dev/null || echo $p; done; type -P pg_rewind || true`] });
      assert.equal(missing.trim(), rewinds ? `/usr/lib/postgresql/${major}/bin/pg_rewind` : "");
      assert.match(await runToEnd({ image, command: ["postgres", "--version"] }), new RegExp(`\\(PostgreSQL\\) ${major}\\.`));
    });

    test("serves as user 999 without capabilities, is copied over the network, and stops cleanly", async () => {
      const [data, copy] = volumes;
      await runToEnd({ image, volume: data, command: ["bash", "-ec", `chmod 700 $PGDATA; initdb -N --auth-local=trust --auth-host=trust >/dev/null; ${openDoor}`] });
      const server = await startServer({ image, network, volume: data, command: ["postgres"] });
      const atServer = ["PGUSER=postgres", `PGHOST=${server.address}`];
      const wait = "for i in $(seq 200); do pg_isready -q && exit 0; sleep 0.1; done; exit 1";
      await runToEnd({ image, network, environment: atServer, command: ["bash", "-c", wait] });
      await runToEnd({ image, network, environment: atServer, command: ["psql", "-c", "create table hello as select 42 as said"] });
      await runToEnd({ image, network, environment: atServer, volume: copy, command: ["bash", "-ec", "chmod 700 $PGDATA; pg_basebackup -X stream -c fast -D $PGDATA"] });
      const other = await startServer({ image, network, volume: copy, command: ["postgres"] });
      const atCopy = ["PGUSER=postgres", `PGHOST=${other.address}`];
      await runToEnd({ image, network, environment: atCopy, command: ["bash", "-c", wait] });
      assert.equal((await runToEnd({ image, network, environment: atCopy, command: ["psql", "-Atc", "select said from hello"] })).trim(), "42");
      assert.equal((await runToEnd({ image, network, environment: atCopy, command: ["psql", "-Atc", "select datcollate from pg_database where datname = current_database()"] })).trim(), "en_US.utf8");
      assert.equal(await server.stop(), 0);
      assert.equal(await other.stop(), 0);
    });
  });
}

test("an image that is there is not built again, and has a name by content and one by major", async () => {
  const lines: string[] = [];
  const { tag, built } = await buildImage({ docker, major: "15", progress: (line) => { lines.push(line); } });
  assert.equal(built, false);
  assert.deepEqual(lines, [`pgrs/postgres:15: present as ${tag}`]);
  const recipe = postgresRecipe("15");
  assert.ok(recipe !== undefined);
  assert.equal(tag, await contentTag(recipe));
  assert.notEqual(tag, await contentTag({ ...recipe, packages: [...recipe.packages, "lz4"] }));
  assert.equal((await docker.getImage(tag).inspect()).Id, (await docker.getImage("pgrs/postgres:15").inspect()).Id);
});

test("a version without a recipe is refused with those that there are", async () => {
  await assert.rejects(buildImage({ docker, major: "9.6", progress }), /no recipe for PostgreSQL 9.6: there are 10, 11, 12/);
});

test("an Engine that does not answer is said so", async () => {
  const { default: Docker } = await import("dockerode");
  const nowhere = new Docker({ socketPath: "/nonexistent/docker.sock" });
  await assert.rejects(buildImage({ docker: nowhere, major: "15", progress }), /the Docker Engine does not answer/);
});

describe("a build that fails", () => {
  let cache = "";
  before(async () => { cache = await mkdtemp(join(tmpdir(), "pgrs-cache-")); });
  after(async () => { await rm(cache, { recursive: true }); });
  const recipe = { ...toolsRecipe, repository: "pgrs-test/refused" };
  const leavesNothing = async (): Promise<void> => {
    assert.deepEqual((await readdir(cache)).filter((name) => name.startsWith("build-")), []);
    assert.deepEqual(await docker.listImages({ filters: { reference: ["pgrs-test/refused"] } }), []);
  };

  test("for want of a mirror says which one, and leaves nothing", async () => {
    await assert.rejects(build(recipe, { docker, progress, cache, mirror: "http://127.0.0.1:1/debian" }), /127\.0\.0\.1:1.*(refused|Could not connect)/);
    await leavesNothing();
  });

  test("in the Engine carries the builder's words, and leaves nothing", async () => {
    await assert.rejects(build({ ...recipe, packages: ["base-files"] }, { docker, progress, cache }), /the Engine could not build the image: .*\/bin\/busybox/);
    await leavesNothing();
  });
});

test("the tools image has ip, and an arping that announces", async () => {
  const { tag } = await buildTools({ docker, progress });
  assert.match(await runToEnd({ image: tag, command: ["sh", "-c", "ip address show lo && arping --help 2>&1"] }), /inet 127\.0\.0\.1\/8[^]*-U\s+Unsolicited/);
  const { Size } = await docker.getImage(tag).inspect();
  assert.ok(Size < 4 * 1024 * 1024, `it has ${Size} bytes`);
});
