/** Lines of pg_hba.conf that are right and wrong, judged by our own reading (hba.test.ts) and by servers (server.test.ts). */

export const good: readonly string[] = [
  "", "   ", "# anything \" at all", "host all all 192.168.11.0/24 scram-sha-256", "host\tapp,other  app, more 10.0.0.1/32 md5 # note \"", "local all all peer map=x", "local all all trust",
  "hostssl all all 0.0.0.0/0 cert clientcert=verify-full", 'host "my db" "Role" samenet password', "host all all 10.0.0.1 255.255.255.255 md5", "host all all fd00::/64 md5", "host all all ::1/128 md5",
  "host all all ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff md5", "host all all .example.com md5", "host all all client-1.example.com md5", "host all +group all reject", "hostnossl sameuser all samehost md5",
  'host all all 10.0.0.0/8 ldap ldapserver=x "ldapprefix=cn="', "host replication all 0.0.0.0/0 md5", "hostgssenc all all all gss", "host all,\"b\" all all md5",
];

/** Line, what is said about it, and the version it is wrong for where that matters. */
export const bad: readonly (readonly [string, RegExp, string?])[] = [
  ["hots all all all md5", /begins with "hots"; write local, host/], ["host", /names no database or no user/], ["host all", /names no database or no user/], ["host all all", /names no address/],
  ["host all all md5", /has no method/], ["host all all 10.0.0.0/24", /has no method; end it with one/], ["local all all", /has no method/], ["host all all 10.0.0.0/33 md5", /no subnet; write it like/],
  ["host all all 10.0.0/24 md5", /no subnet/], ["host all all 10.0.0.256/24 md5", /no subnet/], ["host all all 10.0.0.0/ md5", /no subnet/], ["host all all 10.0.0.0/8/8 md5", /no subnet/], ["host all all fd00::/129 md5", /no subnet/],
  ["host all all db/24 md5", /no subnet/], ["host all all 10.0.0.1 md5", /no prefix length; write 10\.0\.0\.1\/32/], ["host all all fd00::1 md5", /write fd00::1\/128/], ["host all all 10.0.0.1 255.255.255.256 md5", /no prefix length/],
  ["host all all 10.0.0 md5", /is no address/], ["host all all a,b md5", /is no address/], ["host all all all scram", /"scram" is no method; write one of trust/], ["host all all all peer", /local connections only; write scram-sha-256/],
  ["host all all all cert", /hostssl connections only/], ["host all all all toString", /is no method/], ["host all all all ldap server", /write options as name=value/], ['host all "all all md5', /has a " without its partner/],
  ["include other.conf", /write its lines here/], ["include_dir d", /write its lines here/], ["host all all all md5\nhost all all all trust", /line break; write one line per entry/], ["host all all all md5 \\", /backslash/],
  ["host all all all scram-sha-256", /PostgreSQL 9\.6 has no method scram-sha-256; write md5/, "9.6"], ["hostgssenc all all all md5", /came with PostgreSQL 12; write host/, "11"], ["host all all all oauth", /has no method oauth/, "17"],
];

/** Wrong for us alone: the server would read another file, another line, or other addresses than were meant. */
export const strict: ReadonlySet<string> = new Set([
  "include other.conf", "include_dir d", "host all all all md5\nhost all all all trust", "host all all all md5 \\", "host all all 10.0.0/24 md5",
]);
