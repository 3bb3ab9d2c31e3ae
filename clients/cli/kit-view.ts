/** A recovery kit in words: what it holds, what it lacks and why. */
import { kitItemText } from '../../domain/recovery-kit.ts'
import type { KitStatus } from '../../repository/view-kits.ts'

export function kitLines({ site, madeAt, holds, lacks, stores, owed }: KitStatus): readonly string[] {
  const where = stores.length > 0 ? `in ${stores.join(', ')}` : 'in no store'
  const head = `kit   ${site.padEnd(14)} ${madeAt === null ? 'there is none' : `${holds.length} of ${holds.length + lacks.length}, made ${madeAt}, ${where}`}`
  return [
    head,
    ...lacks.map(({ item, why }) => `      lacks ${kitItemText(item)}: ${why}`),
    ...owed.map(({ store, problem }) => `      owed to ${store}: ${problem}`),
  ]
}
