import assert from "node:assert/strict";
import test from "node:test";
import { answered, failureOf, isUnreachable, statusOf, translate } from "../../src/adapters/docker-errors.ts";
import { Conflict, explain, Terminal, Transient } from "../../src/errors.ts";

const answer = (statusCode: number, message: string): Error => Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message} `), { statusCode, json: { message } });

interface Row { readonly when: string; readonly error: Error; readonly kind: typeof Transient | typeof Terminal | typeof Conflict; readonly reason?: string; readonly says: RegExp }

const rows: readonly Row[] = [
  { when: "an address is in use", error: answer(403, "Address already in use"), kind: Terminal, reason: "AddressConflict", says: /address is already in use on that network/ },
  { when: "a subnet overlaps (20.10)", error: answer(403, "Pool overlaps with other one on this address space"), kind: Terminal, reason: "SubnetOverlap", says: /choose another subnet/ },
  { when: "a subnet overlaps (28)", error: answer(403, "invalid pool request: Pool overlaps with other one on this address space"), kind: Terminal, reason: "SubnetOverlap", says: /choose another subnet/ },
  { when: "a parent is missing", error: answer(500, "invalid subinterface vlan name nope0, example formatting is eth0.10"), kind: Terminal, reason: "ParentMissing", says: /parent interface nope0 does not exist on this host/ },
  { when: "a VLAN's parent is missing", error: answer(500, "-o parent interface does was not found on the host: nope0"), kind: Terminal, reason: "ParentMissing", says: /parent interface nope0 does not exist/ },
  { when: "a parent carries another network", error: answer(500, "network dm-4ad has is already using parent interface eth0"), kind: Terminal, reason: "DriverUnsupported", says: /parent interface eth0 already carries another network/ },
  { when: "the kernel lacks the driver", error: answer(500, "failed to create the ipvlan port: operation not supported"), kind: Terminal, reason: "DriverUnsupported", says: /kernel does not support/ },
  { when: "the Engine lacks the driver", error: answer(404, "plugin \"weave\" not found"), kind: Terminal, reason: "DriverUnsupported", says: /does not know the network's driver/ },
  { when: "an address is outside", error: answer(500, "Invalid address 10.11.0.5: It does not belong to any of this network's subnets"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "a gateway is outside", error: answer(500, "failed to allocate gateway (10.1.2.3): Requested address is out of range"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "an address is outside (28)", error: answer(400, "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.202.0.1"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "a gateway is outside (28)", error: answer(400, "invalid network config:\ninvalid gateway 10.203.1.1: parent subnet 10.201.1.0/24 doesn't contain this address"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "a parent is the loopback", error: answer(500, "loopback interface is not a valid ipvlan parent link"), kind: Terminal, reason: "ParentMissing", says: /can't carry/ },
  { when: "an interface's name is taken (28)", error: answer(500, "failed to add interface veth1 to sandbox: error renaming interface \"veth1\" to \"eth1\": file exists"), kind: Conflict, reason: "NameMismatch", says: /has an interface eth1 already/ },
  { when: "a subnet is none", error: answer(500, "Invalid subnet 10.0.0.0/33 : invalid CIDR address: 10.0.0.0/33"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "the default bridge is to give a fixed address", error: answer(400, "user specified IP address is supported on user defined networks only"), kind: Terminal, reason: "SpecInvalid", says: /belong together/ },
  { when: "a network is gone", error: answer(404, "network orders_01_lan not found"), kind: Conflict, reason: "NetworkMissing", says: /the network orders_01_lan is gone/ },
  { when: "a container is gone", error: answer(404, "No such container: abc"), kind: Conflict, says: /the container is gone/ },
  { when: "a volume is gone", error: answer(404, "get v: no such volume"), kind: Conflict, says: /the volume is gone/ },
  { when: "an image is missing", error: answer(404, "No such image: postgres:17"), kind: Terminal, reason: "ImageUnavailable", says: /does not have the image/ },
  { when: "a registry refuses", error: answer(404, "pull access denied for nope, repository does not exist or may require 'docker login'"), kind: Terminal, reason: "ImageUnavailable", says: /registry does not have the image/ },
  { when: "a registry lacks the tag", error: answer(404, "manifest for postgres:99 not found: manifest unknown: manifest unknown"), kind: Terminal, reason: "ImageUnavailable", says: /registry does not have the image/ },
  { when: "no registry answers", error: answer(500, "Get \"https://registry.invalid/v2/\": dial tcp: lookup registry.invalid: no such host"), kind: Transient, reason: "ImageUnavailable", says: /no registry answered/ },
  { when: "a volume is in use", error: answer(409, "remove v: volume is in use - [abc]"), kind: Conflict, says: /still uses the volume/ },
  { when: "a network is in use", error: answer(403, "error while removing network: network x id y has active endpoints"), kind: Conflict, says: /still attached/ },
  { when: "a container runs", error: answer(409, "You cannot remove a running container abc. Stop the container before attempting removal or force remove"), kind: Conflict, says: /still runs/ },
  { when: "a container is on its way out", error: answer(409, "removal of container abc is already in progress"), kind: Conflict, says: /being removed/ },
  { when: "a container is paused", error: answer(409, "Container abc is paused, unpause the container before exec"), kind: Conflict, says: /does not run just now/ },
  { when: "a name is taken", error: answer(409, "Conflict. The container name \"/x\" is already in use by container \"abc\""), kind: Terminal, reason: "NameTaken", says: /not ours/ },
  { when: "the disk is full", error: answer(500, "mkdir /var/lib/docker/overlay2/abc: no space left on device"), kind: Transient, reason: "DiskFull", says: /disk is full/ },
  { when: "a program is missing", error: answer(400, "OCI runtime create failed: exec: \"nope\": executable file not found in $PATH: unknown"), kind: Terminal, reason: "ImageUnavailable", says: /lacks the program/ },
  { when: "the API is too old", error: answer(400, "client version 1.41 is too old. Minimum supported API version is 1.44"), kind: Terminal, reason: "EngineUnreachable", says: /20\.10 or newer/ },
  { when: "a request is wrong in a new way", error: answer(400, "something new"), kind: Terminal, says: /refused the request/ },
  { when: "an answer is unknown", error: answer(500, "something new"), kind: Transient, says: /answered 500/ },
  { when: "the socket is not there", error: Object.assign(new Error("connect ENOENT /x"), { code: "ENOENT" }), kind: Transient, reason: "EngineUnreachable", says: /is the Engine running/ },
  { when: "nothing listens", error: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }), kind: Transient, reason: "EngineUnreachable", says: /is the Engine running/ },
  { when: "the socket refuses the user", error: Object.assign(new Error("connect EACCES"), { code: "EACCES" }), kind: Transient, reason: "EngineUnreachable", says: /docker group/ },
  { when: "the connection is reset", error: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }), kind: Transient, reason: "EngineUnreachable", says: /broke the connection off/ },
  { when: "the connection ends", error: new Error("socket hang up"), kind: Transient, reason: "EngineUnreachable", says: /broke the connection off/ },
  { when: "something else breaks", error: new RangeError("odd"), kind: Transient, says: /call to the Engine failed/ },
];

for (const { when, error, kind, reason, says } of rows) {
  test(`${when}: the failure says so`, () => {
    const failure = translate("do it", error);
    assert.equal(failure.constructor, kind);
    assert.equal(failure.reason, reason);
    assert.match(failure.message, /^do it: /);
    assert.match(failure.message, says);
    assert.equal(isUnreachable(failure), reason === "EngineUnreachable" && kind === Transient);
  });
}

test("the Engine's own words are the cause, also where its answer was a stream", () => {
  const streamed = Object.assign(new Error("(HTTP code 404) no such container - No such container: abc "), { statusCode: 404 });
  const failure = translate("read it", streamed);
  assert.equal(failure.constructor, Conflict);
  assert.equal(explain(failure), "read it: the container is gone: No such container: abc");
});

test("a failure of ours passes as it is", () => {
  const own = new Terminal("no", { reason: "SpecInvalid" });
  assert.equal(translate("do it", own), own);
});

test("a code counts only together with its text", () => {
  assert.equal(answered(answer(409, "volume is in use"), 409, /already in use by container/), false);
  assert.equal(answered(answer(409, "volume is in use"), 409), true);
  assert.equal(statusOf(new Error("socket hang up")), undefined);
});

test("words that nobody knows stand for no failure", () => assert.equal(failureOf("start", "", undefined), undefined));
