/** The `secret` port: turns a reference into the value, only where it is needed. */
export interface SecretResolver {
  /** @throws MusterError SecretMissing naming the reference, never the value. */
  resolve(reference: string): Promise<string>
}
