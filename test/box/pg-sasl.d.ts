/** The SCRAM-SHA-256 client in pg, whose types do not cover it. */
declare module "pg/lib/crypto/sasl.js" {
  interface Session {
    readonly response: string;
  }
  const sasl: {
    startSession(mechanisms: readonly string[]): Session;
    continueSession(session: Session, password: string, serverFirst: string): Promise<void>;
    finalizeSession(session: Session, serverFinal: string): void;
  };
  export default sasl;
}
