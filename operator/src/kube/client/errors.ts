/** An answer of the API server other than success. `status` is the HTTP code, `reason` Kubernetes' word for it. */
export class ApiError extends Error {
  override readonly name: string = "ApiError";
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
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
/** The credentials are missing, wrong or expired. */
export class Unauthorized extends ApiError {
  override readonly name = "Unauthorized";
}
/** The resource version asked for is no longer known: list again. */
export class Gone extends ApiError {
  override readonly name = "Gone";
}
/** The server failed at something it should have done: 5xx. */
export class ServerFailed extends ApiError {
  override readonly name = "ServerFailed";
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

/** No answer: refused, cut, silent for too long, or not JSON. Whether a write was done is not known. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The write was not sent: this process does not lead, or no longer. */
export class NotLeading extends Error {
  override readonly name = "NotLeading";
}

/** The lease is no longer ours, or nobody knows whether it is. Let the process end, and start again as a standby. */
export class LeadershipLost extends Error {
  override readonly name = "LeadershipLost";
}

type ApiErrorClass = new (status: number, reason: string, message: string) => ApiError;

const BY_STATUS: Readonly<Record<number, ApiErrorClass>> = {
  400: Invalid,
  401: Unauthorized,
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
    const wait = seconds >= 0 && Number.isFinite(seconds) ? seconds : DEFAULT_RETRY_AFTER_SECONDS;
    return new Throttled(status, reason, message, wait * 1000);
  }
  return new (BY_STATUS[status] ?? (status >= 500 ? ServerFailed : ApiError))(status, reason, message);
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
