/** What a FreeRADIUS asks: a PostgreSQL (rlm_sql), or the file that it has read when it started (rlm_files). */
export type Backend = "sql" | "files";

export interface RadiusConfig {
  readonly backend: Backend;
  readonly port: number;
  readonly secret: string;
  /** Where the configuration and everything that the server writes is. */
  readonly folder: string;
  /** For `sql`. */
  readonly database?: { readonly host: string; readonly port: number; readonly name: string; readonly user: string };
}

// Each with a connection of its own. On one core more of them, up to 16, made neither backend faster.
const THREADS = 2;

/**
 * Pure: a radiusd.conf that does for an Access-Request with PAP what has to be done and nothing else: one lookup, by one
 * indexed query or in memory, and the comparison. No groups, no reply items, no accounting, no log, nothing after it.
 */
export function radiusdConf(config: RadiusConfig): string {
  const { backend, folder, port, secret } = config;
  return `
prefix = /usr
libdir = /usr/lib/freeradius
name = radiusd
confdir = ${folder}
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
  pap {
    normalise = no
  }
${backend === "sql" ? sqlModule(config) : filesModule(config)}
}
server bench {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    ${backend}
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`;
}

function filesModule({ folder }: RadiusConfig): string {
  return `  files {
    usersfile = ${folder}/users
  }`;
}

/** The query is Debian's own, mods-config/sql/main/postgresql/queries.conf. */
function sqlModule({ database }: RadiusConfig): string {
  if (database === undefined) throw new Error("the backend sql needs a database");
  const { host, port, name, user } = database;
  return `  sql {
    driver = "rlm_sql_postgresql"
    dialect = "postgresql"
    radius_db = "host=${host} port=${port} dbname=${name} user=${user}"
    read_clients = no
    read_groups = no
    read_profiles = no
    delete_stale_sessions = no
    sql_user_name = "%{User-Name}"
    authorize_check_query = "SELECT id, UserName, Attribute, Value, Op FROM radcheck WHERE Username = '%{SQL-User-Name}' ORDER BY id"
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
