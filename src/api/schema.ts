/**
 * The one description of a PostgresReplicaSet. The TypeScript types, the CustomResourceDefinition, the defaults
 * and the operator's own validation are all read from the values below; nothing says the same thing twice.
 */
import type { Schema } from "../schema/types.ts";
import { celOf, networkRules, specRules } from "./rules.ts";

/** Versions that the operator writes configuration for. */
export const versions = ["9.3", "9.4", "9.5", "9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"] as const;

const dnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const address = { type: "string", format: "ipv4", maxLength: 15 } as const;
const quantity = (example: string) => ({ type: "string", pattern: "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", maxLength: 20, description: `For example ${example}.` }) as const;

const secretRef = (what: string) => ({
  type: "object", required: ["name"],
  description: `An existing Secret with the keys username and password for ${what}. Made by the operator when left out.`,
  properties: { name: { type: "string", minLength: 1, maxLength: 253, description: "Name of the Secret, in the same namespace." } },
}) as const;

const network = {
  type: "object", required: ["name", "interfaceName"],
  description: "A secondary NIC of every member, and the network it is attached to.",
  "x-kubernetes-validations": celOf(networkRules),
  properties: {
    name: { type: "string", pattern: dnsLabel, minLength: 1, maxLength: 20, description: "What this network is called here; also part of the Docker network's name." },
    purpose: { type: "string", enum: ["Client", "Replication", "Other"], default: "Other", description: "Client: clients connect here. Replication: WAL and base backups use this network, and no other; at most one." },
    interfaceName: { type: "string", pattern: "^eth[0-9]{1,2}$", maxLength: 5, description: "Name of the NIC inside the member. eth0 stays the Engine's own bridge, for management." },
    driver: { type: "string", enum: ["bridge", "macvlan", "ipvlan", "external"], default: "bridge", description: "bridge: a private segment on this host. macvlan, ipvlan: directly on the LAN of `parent`. external: a Docker network that already exists, which is never changed or removed." },
    parent: { type: "string", pattern: "^[a-zA-Z0-9_.:@-]+$", minLength: 1, maxLength: 15, description: "The host's interface for macvlan and ipvlan, for example enp3s0." },
    externalName: { type: "string", minLength: 1, maxLength: 128, description: "For driver external: the Docker network's name, when it differs from `name`." },
    subnet: { type: "string", format: "cidr", maxLength: 18, description: "IPv4 subnet of the network, for example 192.168.11.0/24." },
    gateway: { ...address, description: "The network's gateway. Left out, a bridge takes the subnet's last usable address for itself, so that members may have the first ones." },
    addresses: { type: "array", items: address, maxItems: 16, "x-kubernetes-list-type": "atomic", description: "Fixed addresses by ordinal: the first one is member 0's." },
    addressPool: {
      type: "object", required: ["start", "size"], description: "Fixed addresses by ordinal, counted up from `start`.",
      properties: {
        start: { ...address, description: "Address of member 0." },
        size: { type: "integer", minimum: 1, maximum: 64, description: "How many addresses the pool holds." },
      },
    },
    primaryAddress: { ...address, description: "An address that follows the primary: it moves with each failover and is announced on the network at once." },
  },
} as const satisfies Schema;

export const spec = {
  type: "object", required: ["postgres"], description: "What is wanted.",
  "x-kubernetes-validations": celOf(specRules),
  properties: {
    replicas: { type: "integer", format: "int32", minimum: 0, maximum: 16, default: 2, description: "Members in total, the primary included. 0 stops all and keeps the data." },
    reconcilePolicy: { type: "string", enum: ["Apply", "Paused"], default: "Apply", description: "Paused: the operator looks and reports, and changes nothing." },
    deletionPolicy: { type: "string", enum: ["Retain", "Delete"], default: "Retain", description: "What becomes of the volumes when this resource is deleted. Retain keeps them, labelled; the same resource, applied again, takes them up." },
    postgres: {
      type: "object", required: ["version"], description: "The server.",
      properties: {
        version: { type: "string", enum: versions, description: "Major version." },
        image: { type: "string", minLength: 1, maxLength: 255, description: "An image of the official image's conventions. Left out: pgrs/postgres:<version> when the Engine has that, else postgres:<version>." },
        parameters: {
          type: "object", default: {}, maxProperties: 200, additionalProperties: { type: "string", maxLength: 1024 },
          description: "Settings of postgresql.conf, as strings. What the operator itself decides (listen_addresses, primary_conninfo, synchronous_standby_names, ...) is refused.",
        },
        hba: {
          type: "array", default: [], maxItems: 100, "x-kubernetes-list-type": "atomic", items: { type: "string", minLength: 1, maxLength: 512 },
          description: "Lines of pg_hba.conf, placed after the operator's own. Left empty, password logins from the Client networks are allowed.",
        },
      },
    },
    networks: {
      type: "array", default: [], maxItems: 8, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: network,
      description: "Secondary NICs. None at all works too: replication then uses the Engine's own bridge.",
    },
    replication: {
      type: "object", default: {}, description: "How standbys follow the primary.",
      properties: {
        mode: { type: "string", enum: ["Async", "Quorum", "Priority"], default: "Async", description: "Quorum: a commit waits for any minSync standbys. Priority: for the first minSync, by ordinal." },
        minSync: { type: "integer", minimum: 1, maximum: 15, default: 1, description: "How many standbys must have a commit before it is acknowledged. Not used with Async." },
        durability: { type: "string", enum: ["Required", "Preferred"], default: "Required", description: "Required: commits wait while standbys are missing. Preferred: they do not, and the condition DurabilityMet says so." },
        slots: { type: "boolean", default: true, description: "Keep a physical replication slot for each standby, so that the primary keeps the WAL it still needs (from 9.4)." },
      },
    },
    failover: {
      type: "object", default: {}, description: "What happens when the primary is lost.",
      properties: {
        mode: { type: "string", enum: ["Automatic", "Manual", "Disabled"], default: "Automatic", description: "Automatic: the operator fences the primary and promotes a standby. Manual: it says what it would do and which command says yes. Disabled: the primary is restarted in place and nobody else is promoted." },
        detectionSeconds: { type: "integer", minimum: 1, maximum: 300, default: 3, description: "How long a primary whose container runs may be silent. A container that ends is noticed at once." },
        maxLagBytes: { type: "integer", format: "int64", minimum: 0, maximum: 1099511627776, default: 16777216, description: "With asynchronous replication, a standby further behind the last known position of the primary is not promoted." },
        whenNoCandidate: { type: "string", enum: ["Wait", "PromoteAfter"], default: "Wait", description: "When no standby may be promoted and the primary cannot be restarted. PromoteAfter: the most advanced standby is promoted after promoteAfterSeconds, whatever is lost." },
        promoteAfterSeconds: { type: "integer", minimum: 1, maximum: 86400, default: 300, description: "The budget of whenNoCandidate PromoteAfter." },
        restartSeconds: { type: "integer", minimum: 1, maximum: 3600, default: 30, description: "How long a crashed primary may take to accept writes again when it is restarted in place, before a standby is promoted." },
        dampingSeconds: { type: "integer", minimum: 0, maximum: 3600, default: 60, description: "Within this time after a failover, a primary that crashed is restarted in place first, and one that is silent is given three times detectionSeconds." },
      },
    },
    switchover: {
      type: "object", required: ["toOrdinal", "token"], description: "Makes another member the primary, once for each new token.",
      properties: {
        toOrdinal: { type: "integer", minimum: 0, maximum: 15, description: "The member to promote." },
        token: { type: "string", minLength: 1, maxLength: 63, description: "Any text that was not used before, for example the date." },
      },
    },
    fencedOrdinals: {
      type: "array", default: [], maxItems: 16, "x-kubernetes-list-type": "set", items: { type: "integer", minimum: 0, maximum: 15 },
      description: "Members that are stopped and stay stopped. A primary among them hands over to a standby first.",
    },
    members: {
      type: "array", default: [], maxItems: 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["ordinal"],
      description: "What is special about single members.",
      items: {
        type: "object", required: ["ordinal"], description: "One member.",
        properties: {
          ordinal: { type: "integer", minimum: 0, maximum: 15, description: "Which member." },
          candidate: { type: "string", enum: ["Allowed", "Never"], default: "Allowed", description: "Never: this member is not promoted by a failover." },
        },
      },
    },
    archive: {
      type: "object", required: ["command"], description: "WAL archiving. A volume that all members share is mounted at /archive.",
      properties: {
        mode: { type: "string", enum: ["Off", "On", "Always"], default: "On", description: "archive_mode. Quote \"On\": bare, YAML reads a boolean." },
        command: { type: "string", minLength: 1, maxLength: 1024, description: "archive_command, for example: cp %p /archive/%f" },
      },
    },
    resources: {
      type: "object", default: {}, description: "Limits of each member's container.",
      properties: {
        memory: quantity("1Gi"),
        cpus: quantity("\"2\" or 500m"),
        shmSize: { ...quantity("256Mi"), default: "256Mi" },
      },
    },
    storage: {
      type: "object", default: {}, description: "Where the data lies.",
      properties: { type: { type: "string", enum: ["Volume"], default: "Volume", description: "A named Docker volume for each member." } },
    },
    bootstrap: {
      type: "object", default: {}, description: "How the first member's data comes to be. Read once.",
      properties: {
        initdb: {
          type: "object", default: {}, description: "Made by initdb, on the volume of the lowest ordinal.",
          properties: {
            database: { type: "string", pattern: "^[a-z_][a-z0-9_]*$", minLength: 1, maxLength: 63, default: "app", description: "A database for the application." },
            owner: { type: "string", pattern: "^[a-z_][a-z0-9_]*$", minLength: 1, maxLength: 63, default: "app", description: "Its owner." },
            dataChecksums: { type: "boolean", default: true, description: "initdb --data-checksums." },
            locale: { type: "string", pattern: "^[A-Za-z0-9_.@-]+$", minLength: 1, maxLength: 64, default: "C.UTF-8", description: "initdb --locale." },
          },
        },
      },
    },
    credentials: {
      type: "object", default: {}, description: "Secrets to use instead of those that the operator makes.",
      properties: {
        superuserSecretRef: secretRef("the superuser; its username has to be postgres"),
        replicationSecretRef: secretRef("replication"),
        appSecretRef: secretRef("the application; its username has to be bootstrap.initdb.owner"),
      },
    },
  },
} as const satisfies Schema;

const time = { type: "string", format: "date-time" } as const;
const text = { type: "string" } as const;
const count = { type: "integer", format: "int64" } as const;

export const status = {
  type: "object", description: "What was seen.",
  properties: {
    observedGeneration: count,
    replicas: { ...count, description: "Members that exist." },
    readyReplicas: { ...count, description: "Members that run as specified." },
    selector: { ...text, description: "Label selector of the members' containers, for the scale subresource." },
    systemIdentifier: { ...text, description: "PostgreSQL's system identifier, the same on every member." },
    timeline: count,
    primary: {
      type: "object", required: ["ordinal", "epoch", "since"], description: "Who may accept writes. Written before it is acted on.",
      properties: {
        ordinal: count, epoch: { ...count, description: "Grows by one with each decision." }, since: time, address: text,
        previous: { ...count, description: "The primary of the epoch before, which has to be seen stopped before this one is promoted." },
        timeline: { ...count, description: "The timeline that it writes, once it was seen to accept writes in this epoch." },
        downSince: { ...time, description: "Since when it was not seen to accept writes." },
        lastPosition: { ...text, description: "The last WAL position that it told before." },
      },
    },
    synchronous: {
      type: "object", required: ["standbys", "required"], description: "What is promised: each acknowledged commit is on `required` of these standbys. Written before the server is told less.",
      properties: {
        standbys: { type: "array", items: count, maxItems: 16, "x-kubernetes-list-type": "set" }, required: count,
        next: {
          type: "object", required: ["standbys", "required", "after"], description: "The promise to come, when those standbys have all that was written up to `after`.",
          properties: { standbys: { type: "array", items: count, maxItems: 16, "x-kubernetes-list-type": "set" }, required: count, after: text },
        },
      },
    },
    observedSwitchoverToken: { ...text, description: "The last switchover token that was acted on or refused." },
    switchover: {
      type: "object", required: ["token", "result", "message"], description: "How the last switchover ended.",
      properties: { token: text, result: { type: "string", enum: ["Done", "Refused", "Undone"] }, message: text },
    },
    lastFailover: {
      type: "object", required: ["at", "epoch", "cause", "rule", "to", "candidates"], description: "The last change of primary, with its evidence.",
      properties: {
        at: time, epoch: count, cause: { ...text, description: "Crash, Silence, DataLost, Switchover or Fenced." }, rule: { ...text, description: "The row of the failover table that decided." },
        from: count, to: count, timeline: { ...count, description: "The timeline that the former primary wrote." }, fence: { ...text, description: "How it is known that the former primary no longer accepts writes." },
        candidates: {
          type: "array", maxItems: 16, "x-kubernetes-list-type": "atomic",
          items: { type: "object", required: ["ordinal", "verdict"], properties: { ordinal: count, timeline: count, receivedLSN: text, verdict: text } },
        },
        arithmetic: { ...text, description: "With synchronous replication: why no acknowledged commit can be lost." },
        downSince: time,
        fencedAfterMs: { ...count, description: "From the loss to the end of the former primary's container." },
        decidedAfterMs: { ...count, description: "From the loss to the look that decided." },
        durationMs: { ...count, description: "From the loss to the first look at which the new primary accepted writes." },
        possibleLossBytes: { ...count, description: "WAL of the former primary that the new one has not. Exact once the former primary's data has been looked at, before that what is known of it." },
        lossIsExact: { type: "boolean", description: "Whether the former primary's own data was looked at." },
      },
    },
    syncSummary: { ...text, description: "Synchronous standbys, as the SYNC column shows them." },
    lagSummary: { ...text, description: "Greatest replay lag, as the LAG column shows it." },
    members: {
      type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["ordinal"],
      items: {
        type: "object", required: ["ordinal", "name", "role", "state", "ready"],
        properties: {
          ordinal: count, name: text, role: { type: "string", enum: ["Primary", "Standby", "Unknown"] },
          state: { type: "string", enum: ["Pending", "Creating", "Copying", "Starting", "Running", "Streaming", "Stopped", "Failed", "Unknown"] },
          ready: { type: "string", enum: ["True", "False", "Unknown"] },
          message: text, observedAt: { ...time, description: "When the rest of this entry was last seen to change." }, container: text, image: text,
          interfaces: {
            type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["network"],
            items: { type: "object", required: ["network", "state"], properties: {
              network: text, name: text, address: text, mac: text,
              state: { type: "string", enum: ["Pending", "Attached", "Verified", "NameMismatch", "Unknown"] },
            } },
          },
          replication: { type: "object", properties: { via: text, syncState: text, receivedLSN: text, replayLagBytes: count } },
          pendingRestart: { type: "array", items: text, "x-kubernetes-list-type": "set" },
        },
      },
    },
    operation: {
      type: "object", required: ["type", "step", "startedAt", "attempt", "message"], description: "The longest work under way.",
      properties: { type: text, ordinal: count, step: text, startedAt: time, deadline: time, attempt: count, message: text },
    },
    plan: { type: "array", items: text, maxItems: 64, "x-kubernetes-list-type": "atomic", description: "The next steps, and what is waited for." },
    conditions: {
      type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object", required: ["type", "status", "lastTransitionTime", "reason", "message"],
        properties: {
          type: text, status: { type: "string", enum: ["True", "False", "Unknown"] }, observedGeneration: count,
          lastTransitionTime: time, reason: text, message: { type: "string", maxLength: 32768 },
        },
      },
    },
  },
} as const satisfies Schema;

export const schema = {
  type: "object", required: ["spec"], description: "A PostgreSQL primary with its streaming standbys, as containers with fixed addresses.",
  "x-kubernetes-validations": [{
    rule: "size(self.metadata.name) <= 40",
    message: "metadata.name is longer than 40 characters: member names and network names are made from it, so shorten it",
  }],
  properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" }, spec, status },
} as const satisfies Schema;
