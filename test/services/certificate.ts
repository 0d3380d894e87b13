import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../lib/run.ts";
import { ownedFolder, removeFolder } from "./folders.ts";

/** A server's certificate, its key, and the CA that signed it and nothing else; all PEM. */
export interface ServerCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes a CA and a certificate of it for one host name, good for a day. */
export async function makeCertificate(host: string): Promise<ServerCertificate> {
  const folder = await ownedFolder();
  const file = (name: string): string => join(folder, name);
  const make = (name: string, ...options: readonly string[]): Promise<string> => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file(`${name}.key`)];
    const subject = ["-subj", `/CN=${name}`, "-days", "1"];
    return run("openssl", ["req", "-x509", ...subject, ...options, ...key, "-out", file(`${name}.crt`)]);
  };
  try {
    await make("ca", "-addext", "keyUsage=critical,keyCertSign");
    const signer = ["-CA", file("ca.crt"), "-CAkey", file("ca.key")];
    const extensions = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", `subjectAltName=DNS:${host}`];
    await make("server", ...signer, ...extensions);
    const [ca = "", certificate = "", key = ""] = await Promise.all(
      ["ca.crt", "server.crt", "server.key"].map((name) => readFile(file(name), "utf8")),
    );
    return { ca, certificate, key };
  } finally {
    await removeFolder(folder);
  }
}
