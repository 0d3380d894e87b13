import { writeFile } from "node:fs/promises";
import pg from "pg";
import { boxOfPopulation } from "../boxes/population.ts";

/** Fills an empty database with the tables that rlm_sql asks, and one row of the first for each subscriber. */
export async function fillRadcheck(url: string, subscribers: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(TABLES);
    await client.query(
      `insert into radcheck (username, attribute, op, value)
       select name, 'Cleartext-Password', ':=', password from unnest($1::text[], $2::text[]) as s (name, password)`,
      [namesOf(subscribers), passwordsOf(subscribers)],
    );
    await client.query("create index on radcheck (username, attribute)");
    await client.query("vacuum analyze");
  } finally {
    await client.end();
  }
}

/** The columns are those that rlm_sql reads, of the types that it comes with. Nobody has reply items or a group. */
const TABLES = `
  create table radcheck (
    id serial primary key,
    username text not null,
    attribute text not null,
    op varchar(2) not null,
    value text not null
  );
  create table radreply (like radcheck including all);
  create index on radreply (username, attribute);
  create table radusergroup (id serial primary key, username text not null, groupname text not null, priority int not null);
  create index on radusergroup (username)`;

/** Writes the file that rlm_files reads, with one entry for each subscriber. */
export async function writeUsers(path: string, subscribers: number): Promise<void> {
  const passwords = passwordsOf(subscribers);
  const entries = namesOf(subscribers).map((name, index) => `${name} Cleartext-Password := "${passwords[index]}"\n`);
  await writeFile(path, entries.join(""));
}

function namesOf(subscribers: number): string[] {
  return Array.from({ length: subscribers }, (_, index) => boxOfPopulation(index).subscriberId);
}

function passwordsOf(subscribers: number): string[] {
  return Array.from({ length: subscribers }, (_, index) => boxOfPopulation(index).password);
}
