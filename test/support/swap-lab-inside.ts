/** What test/integration/member-swap.test.ts runs in its machine: `<what> <path> <method>`. */
import fc from 'fast-check'
import { asideData, inspectMember } from '../../adapters/component/member/member.ts'
import { swapIn } from '../../adapters/component/member/swap.ts'
import { swapBack } from '../../adapters/component/member/swap-back.ts'
import type { SetAsideMethod } from '../../domain/decision.ts'
import { mkdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { look, nextRun, plant, stories, take, tell } from './swap-lab.ts'

const [, , what = '', path = '', method = ''] = process.argv
const name = `test-${basename(path)}`

switch (what) {
  case 'property':
    await fc.assert(
      fc.asyncProperty(stories(method !== 'none'), (story) => tell(path, method as SetAsideMethod, story)),
      { numRuns: method === 'copy' ? 40 : 150 },
    )
    break
  case 'next-run':
    for (let cut = 1; cut < 20; cut += 1) await nextRun(path, cut)
    break
  case 'prepare': {
    const member = await inspectMember(path, name)
    await mkdir(asideData(member), { recursive: true })
    await plant(asideData(member), { a: 'new a', b: 'new b' })
    process.stdout.write(member.method)
    break
  }
  case 'swap-in':
  case 'swap-back': {
    // As the decision has it: what is found in the middle must not change how a swap ends.
    const member = { ...(await inspectMember(path, name)), method: method as SetAsideMethod }
    const epoch = await take(member)
    await (what === 'swap-in' ? swapIn(member, epoch, 'one') : swapBack(member, epoch, 'one'))
    break
  }
  case 'look':
    process.stdout.write(JSON.stringify(await look(path)))
    break
  default:
    throw new Error(`unknown: ${what}`)
}
