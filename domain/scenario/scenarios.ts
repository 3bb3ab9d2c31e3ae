import { MusterError } from '../failures.ts'
import { accidentalDeletion, databaseCorruption } from './database.ts'
import type { Scenario } from './scenario.ts'
import { dataCentreLoss, naturalDisaster } from './site.ts'
import { applicationFailure, fileSystemCorruption } from './trees.ts'

export const scenarios: readonly Scenario[] = [
  dataCentreLoss,
  naturalDisaster,
  databaseCorruption,
  fileSystemCorruption,
  applicationFailure,
  accidentalDeletion,
]

/** A protection that somebody asks for is refused by name, never replaced by something weaker. */
export const notInThisVersion: Readonly<Record<string, string>> = {
  'security-breach':
    'by hand: take the hosts off the network and keep their disks; restore elsewhere, on a machine that was never reached, to a moment before the intrusion ' +
    '(muster restore SYSTEM --component NAME --to TIME --into DIR), look at it there, change every password and key that the data or the hosts knew, and only then serve from it',
}

/** @throws MusterError NotSupported | UnknownName */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (found) return found
  const byHand = Object.hasOwn(notInThisVersion, name) ? notInThisVersion[name] : undefined
  if (byHand !== undefined) throw new MusterError('NotSupported', `scenario "${name}" is not in this version`, { hint: byHand })
  throw new MusterError('UnknownName', `there is no scenario "${name}"; there are: ${scenarios.map((one) => one.name).join(', ')}`, {
    hint: 'see them: muster scenario',
  })
}
