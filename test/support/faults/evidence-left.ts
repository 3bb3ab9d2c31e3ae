/** What an auditor would look at after a run: one signed record of it with its sheet, the same in each store. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evidence } from '../../../domain/evidence.ts'
import { sheetKey } from '../../../repository/evidence.ts'
import { openDocument } from '../../../repository/signed-document.ts'
import type { Ended } from './runner.ts'
import { stores } from './looks.ts'
import type { FaultRig } from './rig.ts'

/** @returns what is otherwise */
export async function evidencePerStore({ rig }: FaultRig, { runId, outcome }: Ended): Promise<string[]> {
  const verifier = await rig.agent.verifier(rig.config)
  const found = await Promise.all(
    stores.map(async (store) => {
      const folder = join(rig.base, 'stores', store, 'evidence', 'shop')
      const names = (await readdir(folder)).filter((name) => name.includes(`-${runId.slice(-8)}.`)).sort()
      const [name = ''] = names.filter((one) => one.endsWith('.json'))
      if (names.length !== 2 || !names.includes(sheetKey(name))) return `${store}: ${names.join('+') || 'nothing'}`
      const { value, textSha256 } = openDocument<Evidence>(verifier, 'evidence', await readFile(join(folder, name)), name)
      const sheet = await readFile(join(folder, sheetKey(name)), 'utf8')
      if (value.run.runId !== runId || value.outcome !== outcome) return `${store}: ${value.outcome} of run ${value.run.runId}`
      return sheet.includes(textSha256) ? textSha256 : `${store}: the sheet is of another record`
    }),
  )
  const right = found.every((one) => one === found[0] && /^[0-9a-f]{64}$/.test(one))
  return right ? [] : [`evidence of the run, ${outcome}: ${found.join(', ')}`]
}
