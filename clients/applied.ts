import type { Config } from '../domain/config.ts'

/** A config and the hash it was applied under. */
export interface AppliedConfig {
  readonly config: Config
  readonly hash: string
}
