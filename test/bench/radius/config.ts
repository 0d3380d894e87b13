/**
 * What a FreeRADIUS asks: a PostgreSQL (rlm_sql), or the file that it has read when it started (rlm_files). With
 * `packaged-sql` it goes through the modules, and asks the queries, of Debian's own configuration with SQL switched on.
 */
export type Backend = "sql" | "files" | "packaged-sql";

export interface RadiusConfig {
  readonly backend: Backend;
  readonly port: number;
  readonly secret: string;
  /** Where the configuration and everything that the server writes is. */
  readonly folder: string;
  /** For both that ask one. */
  readonly database?: { readonly host: string; readonly port: number; readonly name: string; readonly user: string };
}

// Each with a connection of its own. On one core more of them, up to 16, made neither backend faster.
const THREADS = 2;
/** Debian's configuration. */
const PACKAGED = "/etc/freeradius/3.0";

/** What is gone through to authorize a request; Debian's list is that of sites-available/default, without EAP and LDAP. */
const AUTHORIZE: Readonly<Record<Backend, readonly string[]>> = {
  sql: ["sql", "pap"],
  files: ["files", "pap"],
  "packaged-sql": [
    ...["filter_username", "preprocess", "chap", "mschap", "digest", "suffix", "files", "sql"],
    ...["expiration", "logintime", "pap"],
  ],
};

const MODULES: Readonly<Record<Backend, (config: RadiusConfig) => string>> = {
  sql: (config) => PAP + sqlModule(config, QUERY),
  files: ({ folder }) => `${PAP}files {\n usersfile = ${folder}/users\n}\n`,
  "packaged-sql": (config) =>
    ["always", "expr", "preprocess", "chap", "mschap", "digest", "realm", "files", "expiration", "logintime", "pap"]
      .map((module) => `$INCLUDE ${PACKAGED}/mods-available/${module}\n`)
      .join("") + sqlModule(config, PACKAGED_QUERIES),
};

const PAP = "pap {\n normalise = no\n}\n";

/** The query is Debian's, without those for reply items and groups that follow it. */
const QUERY = `
  read_groups = no
  read_profiles = no
  sql_user_name = "%{User-Name}"
  authorize_check_query = "SELECT id, UserName, Attribute, Value, Op FROM radcheck WHERE Username = '%{SQL-User-Name}' ORDER BY id"`;

const PACKAGED_QUERIES = `
  acct_table1 = radacct
  acct_table2 = radacct
  postauth_table = radpostauth
  authcheck_table = radcheck
  groupcheck_table = radgroupcheck
  authreply_table = radreply
  groupreply_table = radgroupreply
  usergroup_table = radusergroup
  client_table = nas
  group_attribute = SQL-Group
  $INCLUDE ${PACKAGED}/mods-config/sql/main/postgresql/queries.conf`;

/**
 * Pure: a radiusd.conf for Access-Requests with PAP: one lookup, by one indexed query or in memory, the comparison and nothing
 * else, unless it is to do what Debian's does. There is no accounting, no log and nothing after it in any case.
 */
export function radiusdConf(config: RadiusConfig): string {
  const { backend, folder, port, secret } = config;
  return `
prefix = /usr
libdir = /usr/lib/freeradius
name = radiusd
confdir = ${PACKAGED}
modconfdir = ${PACKAGED}/mods-config
logdir = ${folder}
run_dir = ${folder}
db_dir = ${folder}
raddbdir = ${folder}
max_request_time = 30
# 256 ids of one port are in use at most, and each packet is another one.
cleanup_delay = 0
max_requests = 16384
hostname_lookups = no
log {
  destination = stdout
  auth = no
}
security {
  max_attributes = 200
  reject_delay = 0
  status_server = no
}
proxy_requests = no
client bench {
  ipaddr = 127.0.0.1
  secret = ${secret}
  require_message_authenticator = yes
}
thread pool {
  start_servers = ${THREADS}
  max_servers = ${THREADS}
  min_spare_servers = 1
  max_spare_servers = ${THREADS}
  max_requests_per_server = 0
  max_queue_size = 65536
  auto_limit_acct = no
}
modules {
${MODULES[backend](config)}
}
policy {
$INCLUDE ${PACKAGED}/policy.d/filter
}
server bench {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    ${AUTHORIZE[backend].join("\n    ")}
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`;
}

function sqlModule({ backend, database }: RadiusConfig, queries: string): string {
  if (database === undefined) throw new Error(`the backend ${backend} needs a database`);
  const { host, port, name, user } = database;
  return `sql {
  driver = "rlm_sql_postgresql"
  dialect = "postgresql"
  radius_db = "host=${host} port=${port} dbname=${name} user=${user}"
  read_clients = no
  delete_stale_sessions = no
${queries}
  pool {
    start = ${THREADS}
    min = ${THREADS}
    max = ${THREADS}
    spare = 0
    uses = 0
    retry_delay = 1
    lifetime = 0
    idle_timeout = 0
  }
}`;
}
