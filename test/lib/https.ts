import https from "node:https";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What a server answered by HTTPS. */
export interface HttpsAnswer {
  readonly status: number | undefined;
  /** The serial number of the certificate that came. */
  readonly serial: string;
}

/**
 * Gets a path by HTTPS as one who believes `ca` only, on a connection of its own unless there is an agent. Rejects when the
 * certificate is not of `ca` or not for `servername`, and when nobody speaks TLS there.
 */
export function getByHttps(options: {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
  readonly ca: readonly string[];
  readonly path: string;
  readonly agent?: https.Agent;
}): Promise<HttpsAnswer> {
  const { ca, agent = false, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = https.get({ ...rest, ca: [...ca], agent }, (response) => {
      const { serialNumber }: DetailedPeerCertificate = (response.socket as TLSSocket).getPeerCertificate(true);
      response.resume();
      response.on("end", () => resolve({ status: response.statusCode, serial: serialNumber }));
    });
    request.on("error", reject);
  });
}
