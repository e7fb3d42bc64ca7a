import assert from "node:assert/strict";
import test from "node:test";
import { parseInterfaces, separator } from "../../src/adapters/docker-interfaces.ts";

// As a member of three networks prints it (Linux 6.18); the trie is printed for both of its tables.
const addresses = `/sys/class/net/eth0/address:02:42:ac:11:00:02
/sys/class/net/eth10/address:02:42:0A:0A:00:0B
/sys/class/net/eth2/address:02:42:c0:a8:0b:65
/sys/class/net/lo/address:00:00:00:00:00:00
`;
const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.10.0.0/24 2 0 2
        +-- 10.10.0.0/28 2 0 2
           |-- 10.10.0.0
              /24 link UNICAST
           |-- 10.10.0.11
              /32 host LOCAL
        |-- 10.10.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 172.17.0.0/16 2 0 2
           |-- 172.17.0.2
              /32 host LOCAL
     +-- 192.168.11.0/24 2 0 2
           |-- 192.168.11.100
              /32 host LOCAL
           |-- 192.168.11.101
              /32 host LOCAL
Local:
           |-- 10.10.0.11
              /32 host LOCAL
           |-- 192.168.11.101
              /32 host LOCAL
`;
const routes = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth10\t00000A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth2\t000BA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const text = [addresses, trie, routes].join(`${separator}\n`);

test("every NIC has its MAC, and the addresses of its own network", () => {
  assert.deepEqual(parseInterfaces(text), [
    { name: "eth0", mac: "02:42:ac:11:00:02", addresses: ["172.17.0.2"] },
    { name: "eth2", mac: "02:42:c0:a8:0b:65", addresses: ["192.168.11.100", "192.168.11.101"] },
    { name: "eth10", mac: "02:42:0a:0a:00:0b", addresses: ["10.10.0.11"] },
  ]);
});

test("an address without a network of its own belongs to no NIC", () => {
  const lonely = text.replaceAll("172.17.0.2", "198.51.100.7");
  assert.deepEqual(parseInterfaces(lonely)[0], { name: "eth0", mac: "02:42:ac:11:00:02", addresses: [] });
});

test("the narrowest network takes an address", () => {
  const wide = text.replace("eth2\t000BA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF", "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n$&");
  assert.deepEqual(parseInterfaces(wide).find(({ name }) => name === "eth2")?.addresses, ["192.168.11.100", "192.168.11.101"]);
});

test("a NIC that is down has no address", () => {
  const down = [addresses, "", "Iface\n"].join(`${separator}\n`);
  assert.deepEqual(parseInterfaces(down).map(({ name, addresses: own }) => [name, own.length]), [["eth0", 0], ["eth2", 0], ["eth10", 0]]);
});

test("without NICs but the loopback there is none", () => {
  assert.deepEqual(parseInterfaces(`/sys/class/net/lo/address:00:00:00:00:00:00\n${separator}\n${separator}\nIface\n`), []);
});
