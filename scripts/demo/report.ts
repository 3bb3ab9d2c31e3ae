/** What the demo measured and whether it holds; written as `.muster/demo/report.json`. */
import { writeFile } from 'node:fs/promises'
import type { MarkerFigures } from './markers.ts'
import type { RunHistory } from './histories.ts'
import type { StoreCopies } from './verify-copies.ts'

export interface DisasterReport {
  readonly name: string
  /** The moment that was asked for, or `latest`. */
  readonly target: string
  /** From the moment the recovery was asked for until the service answered from the recovered data. */
  readonly rtoSeconds: number
  readonly markers: MarkerFigures
  readonly safetySet: SafetySetReport
  readonly steps: readonly { readonly name: string; readonly seconds: number }[]
}

export interface SafetySetReport {
  readonly kept: boolean
  /** Of the old data directory. */
  readonly path: string | null
  /** What setting the old data aside took. */
  readonly seconds: number
  /** Why there is none, else how it was kept. */
  readonly reason: string
}

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

export interface DemoReport {
  readonly ok: boolean
  readonly startedAt: string
  readonly seconds: number
  readonly disasters: readonly DisasterReport[]
  /** Last commit acknowledged before disaster 2 minus last marker recovered. */
  readonly rpoSeconds: number
  readonly lostMarkers: number
  readonly objectives: { readonly rpoSeconds: number; readonly rtoSeconds: number }
  readonly backup: { readonly seconds: number; readonly sizeBytes: number; readonly plainSizeBytes: number }
  readonly offsiteLagSeconds: number | null
  /** At the end. */
  readonly copies: readonly StoreCopies[]
  readonly copiesBeforeDisaster2: readonly StoreCopies[]
  /** Mails and webhook calls that arrived. */
  readonly notificationsReceived: number
  readonly notifications: { readonly email: number; readonly slack: number; readonly log: number }
  /** Of the longest history. */
  readonly historyEvents: number
  readonly largestPayloadBytes: number
  readonly agentPeakMemoryMiB: number
  readonly workflows: readonly RunHistory[]
  readonly temporalUi: string
  readonly checks: readonly Check[]
}

export class Checks {
  readonly all: Check[] = []

  /** Notes whether something holds. @returns it */
  that(name: string, ok: boolean, detail: string): boolean {
    this.all.push({ name, ok, detail })
    return ok
  }

  get failed(): readonly Check[] {
    return this.all.filter(({ ok }) => !ok)
  }
}

export async function writeReport(path: string, report: DemoReport): Promise<void> {
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`)
}
