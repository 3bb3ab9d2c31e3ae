/** Every family of the sweep. */
import { archives } from './archives.ts'
import { backups } from './backups.ts'
import type { Family } from './family.ts'
import { restoresBack } from './restores-back.ts'
import { restoresElsewhere } from './restores-elsewhere.ts'
import { frozenRestores, restoresInPlace } from './restores-in-place.ts'

export const families: readonly Family[] = [...backups, ...archives, ...restoresInPlace, ...restoresBack, ...restoresElsewhere, ...frozenRestores]
