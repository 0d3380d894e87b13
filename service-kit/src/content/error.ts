/** What was given to `content` or `compare` cannot be used; the message says what to give instead. */
export class ContentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ContentError";
  }
}
