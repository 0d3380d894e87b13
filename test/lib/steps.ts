const HEARTBEAT_MS = 15_000;

/** Writes one line for a person to read. */
export function say(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs one named step: says when it starts, every 15 seconds how long it has been at it, and how long it took.
 * Steps may run at the same time, so every line names its step.
 */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const seconds = (): string => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  say(`  … ${name}`);
  const heartbeat = setInterval(() => say(`  … ${name}, ${seconds()} so far`), HEARTBEAT_MS);
  try {
    const result = await work();
    say(`  ✓ ${name}, ${seconds()}`);
    return result;
  } catch (error) {
    say(`  ✗ ${name}, ${seconds()}`);
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
