/** An answer of the API server other than success. `status` is the HTTP code, `reason` Kubernetes' word for it. */
export class ApiError extends Error {
  override readonly name: string = "ApiError";
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export class NotFound extends ApiError {
  override readonly name = "NotFound";
}
export class Conflict extends ApiError {
  override readonly name = "Conflict";
}
export class Invalid extends ApiError {
  override readonly name = "Invalid";
}
export class Forbidden extends ApiError {
  override readonly name = "Forbidden";
}
/** The resource version asked for is no longer known: list again. */
export class Gone extends ApiError {
  override readonly name = "Gone";
}

/** The server is overloaded and says when to come back. */
export class Throttled extends ApiError {
  override readonly name = "Throttled";
  readonly retryAfterMs: number;

  constructor(status: number, reason: string, message: string, retryAfterMs: number) {
    super(status, reason, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: refused, cut, silent for too long, or not JSON. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

const BY_STATUS: Readonly<Record<number, new (status: number, reason: string, message: string) => ApiError>> = {
  400: Invalid,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  410: Gone,
  422: Invalid,
};

const DEFAULT_RETRY_AFTER_SECONDS = 1;

/**
 * The typed error of an answer.
 * @param body the answer's text; a Kubernetes Status object where the server is well
 * @param retryAfter the Retry-After header, in seconds
 */
export function errorOf(status: number, body: string, retryAfter?: string): ApiError {
  const { reason = "Unknown", message = body.slice(0, 500) } = parseStatus(body);
  if (status === 429 || (status >= 500 && retryAfter !== undefined)) {
    const seconds = Number(retryAfter ?? DEFAULT_RETRY_AFTER_SECONDS);
    const wait = Number.isFinite(seconds) ? seconds : DEFAULT_RETRY_AFTER_SECONDS;
    return new Throttled(status, reason, message, wait * 1000);
  }
  return new (BY_STATUS[status] ?? ApiError)(status, reason, message);
}

function parseStatus(body: string): { reason?: string; message?: string } {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status !== "object" || status === null) return {};
    const { reason, message } = status as { reason?: unknown; message?: unknown };
    return {
      ...(typeof reason === "string" ? { reason } : {}),
      ...(typeof message === "string" ? { message } : {}),
    };
  } catch {
    return {};
  }
}
