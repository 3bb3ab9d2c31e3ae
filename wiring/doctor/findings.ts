/** Collects findings. What cannot be examined is a finding itself: nothing that goes wrong here is thrown. */
import type { DoctorFinding } from '../../clients/cli/desk.ts'
import { within } from '../../repository/within.ts'
import type { Config } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Places } from '../places.ts'

/** What every part of the examination is given. */
export interface Examined {
  readonly places: Places
  readonly config: Config
  /** Systems that are looked at. */
  readonly systems: readonly string[]
  /** Hosts that this machine is, as far as its keys tell. */
  readonly hosts: readonly string[]
  /** Whether a configuration was ever applied here: before that, much is not there yet. */
  readonly applied: boolean
  readonly now: Date
}

export interface Findings {
  readonly all: readonly DoctorFinding[]
  ok(about: string, message: string): void
  warning(about: string, message: string, hint: string): void
  problem(about: string, message: string, hint: string): void
  /** A problem once something was applied; before that it is only still to come. */
  later(applied: boolean, about: string, message: string, hint: string): void
  /** What was thrown, as a finding. */
  failed(about: string, error: unknown, severity?: 'problem' | 'warning'): void
  /** Runs one look; what it throws, or its not ending in time, is a problem. @returns null then */
  look<T>(about: string, look: () => Promise<T>, options?: { readonly seconds?: number; readonly severity?: 'problem' | 'warning' }): Promise<T | null>
}

export function createFindings(): Findings {
  const all: DoctorFinding[] = []
  const add = (severity: DoctorFinding['severity'], about: string, message: string, hint: string | null) => {
    all.push({ about, ok: severity !== 'problem', severity, message, hint })
  }
  const findings: Findings = {
    all,
    ok: (about, message) => add('ok', about, message, null),
    warning: (about, message, hint) => add('warning', about, message, hint),
    problem: (about, message, hint) => add('problem', about, message, hint),
    later: (applied, about, message, hint) => (applied ? add('problem', about, message, hint) : add('ok', about, message, null)),
    failed(about, error, severity = 'problem') {
      if (error instanceof MusterError) return add(severity, about, error.message, error.hint)
      add(
        severity,
        about,
        `could not be examined: ${error instanceof Error ? error.message : String(error)}`,
        'this is a defect of Muster; report it with: muster doctor --debug',
      )
    },
    async look(about, look, { seconds = 30, severity = 'problem' } = {}) {
      try {
        return await within(seconds, look, about)
      } catch (error) {
        findings.failed(about, error, severity)
        return null
      }
    },
  }
  return findings
}
