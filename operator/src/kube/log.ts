import { type Logger, pino } from "pino";

/**
 * A logger that writes JSON lines: `level`, `time` (ISO 8601), `msg`, and `err` for errors. Lines of a controller name
 * it in `controller`, and the object in `namespace` and `name`; all lines of one reconcile have the same `reconcile`.
 * @param level trace, debug, info, warn, error or fatal
 * @throws Error when it is another
 */
export function createLogger(level = "info"): Logger {
  if (!(level in pino.levels.values)) {
    throw new Error(`no log level is called "${level}": use ${Object.keys(pino.levels.values).join(", ")}`);
  }
  return pino({
    base: null,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
