/** The members of a problem on the wire (RFC 9457). */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Everything that is wrong, where that is more than one thing. */
  readonly errors?: string[];
}

/** An error with an answer for the caller, sent as application/problem+json (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  /** A stable name for this kind of problem, in kebab case. */
  readonly code: string;
  readonly errors: readonly string[];
  /** After how many whole seconds it is worth trying again, for the header Retry-After; null when nobody knows. */
  readonly retryAfterSeconds: number | null;

  constructor(
    status: number,
    code: string,
    detail: string,
    errors: readonly string[] = [],
    retryAfterSeconds: number | null = null,
  ) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  toJSON(): ProblemDetails {
    return {
      type: `urn:aaacluster:problem:${this.code}`,
      title: this.code.replaceAll("-", " "),
      status: this.status,
      detail: this.message,
      ...(this.errors.length === 0 ? {} : { errors: [...this.errors] }),
    };
  }
}
