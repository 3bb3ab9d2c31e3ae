import type { Config } from '../domain/config.ts'

/** A config and the hash it was applied under. */
export interface AppliedConfig {
  /** Each system as it is at the site where it is active. */
  readonly config: Config
  readonly hash: string
  /** As it was signed: each system at home. */
  readonly whole: Config
}
