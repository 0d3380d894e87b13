import { type Logger, readSecret, SettingsError } from "@aaa-cluster/service-kit";
import { SigningKeys } from "./signing-keys.ts";

// The kubelet takes a minute to write a changed Secret into a pod, so no quicker look is worth its while.
const EVERY_MS = 5_000;

export interface KeyFile {
  readonly keys: SigningKeys;
  /** Whether the file cannot be used now, and the node goes on with the keys that it had. */
  readonly isBroken: () => boolean;
  readonly stop: () => void;
}

/**
 * The keys in a file, which is read again every few seconds: a mounted Secret is replaced by turning a link, which no
 * watch of a file tells reliably. What cannot be used is logged once, and the old keys stay. Rejects with SettingsError
 * when the file cannot be used at the start.
 */
export async function followKeys(path: string, log: Logger, everyMs = EVERY_MS): Promise<KeyFile> {
  let text = await readSecret(path);
  const keys = SigningKeys.parse(text);
  let flaw: string | null = null;

  const look = async (): Promise<void> => {
    try {
      const found = await readSecret(path);
      if (found !== text) {
        keys.replace(found);
        text = found;
        log.info({ keys: keys.names(new Date()) }, "took other signing keys");
      }
      flaw = null;
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof SettingsError)) throw error;
      if (message !== flaw)
        log.error({ reason: message, path }, "cannot take the signing keys, and goes on with the old");
      flaw = message;
    }
  };
  const timer = setInterval(
    () => look().catch((err: unknown) => log.error({ err }, "cannot follow the signing keys")),
    everyMs,
  );
  timer.unref();
  return { keys, isBroken: () => flaw !== null, stop: () => clearInterval(timer) };
}
