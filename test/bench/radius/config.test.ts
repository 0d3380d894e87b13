import { expect, test } from "@jest/globals";
import { radiusdConf } from "./config.ts";

const common = { port: 1812, secret: "shared", folder: "/tmp/f" };
const database = { host: "127.0.0.1", port: 5432, name: "radius", user: "postgres" };

test("with PostgreSQL one indexed query is asked and no users file", () => {
  const conf = radiusdConf({ ...common, backend: "sql", database });
  expect(conf).toContain('radius_db = "host=127.0.0.1 port=5432 dbname=radius user=postgres"');
  expect(conf.match(/_query = /g)).toHaveLength(1);
  expect(conf).toMatch(/authorize \{\s+sql\s+pap\s+\}/);
  expect(conf).not.toContain("usersfile");
});

test("with a users file no database is asked", () => {
  const conf = radiusdConf({ ...common, backend: "files" });
  expect(conf).toContain("usersfile = /tmp/f/users");
  expect(conf).toMatch(/authorize \{\s+files\s+pap\s+\}/);
  expect(conf).not.toContain("radius_db");
});

test("as packaged it goes through what Debian's site does, and asks Debian's queries", () => {
  const conf = radiusdConf({ ...common, backend: "packaged-sql", database });
  expect(conf).toMatch(
    /authorize \{\s+filter_username\s+preprocess[\s\S]+files\s+sql\s+expiration\s+logintime\s+pap\s+\}/,
  );
  expect(conf).toContain("mods-config/sql/main/postgresql/queries.conf");
  expect(conf).not.toContain("_query = ");
});

test("it listens on loopback alone and knows nobody else", () => {
  const conf = radiusdConf({ ...common, backend: "files" });
  expect(conf.match(/ipaddr = \S+/g)).toEqual(["ipaddr = 127.0.0.1", "ipaddr = 127.0.0.1"]);
});
