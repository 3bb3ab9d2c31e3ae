import { MusterError } from '../failures.ts'
import { securityBreach } from './breach.ts'
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
  securityBreach,
]

/** @throws MusterError UnknownName */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (found) return found
  throw new MusterError('UnknownName', `there is no scenario "${name}"; there are: ${scenarios.map((one) => one.name).join(', ')}`, {
    hint: 'see them: muster scenario',
  })
}
