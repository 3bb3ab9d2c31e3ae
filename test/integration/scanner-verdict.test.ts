import assert from 'node:assert/strict'
import { verdictOf } from '../../activities/host/breach/examine-candidate.ts'
import { withinItsTime } from '../../activities/bounded-command.ts'
import { runSmokeCommand } from '../../adapters/process/smoke-command.ts'
import type { Progress } from '../../adapters/component/component.ts'
import { failures, MusterError } from '../../domain/failures.ts'

describe('what a scanner says of a candidate', () => {
  async function said(words: readonly string[], timeoutSeconds = 10): Promise<MusterError> {
    const heard: Progress[] = []
    try {
      await withinItsTime({ progress: (one) => heard.push(one) }, 'scanner nc', () => runSmokeCommand(words, { env: {}, what: 'scanner nc:', timeoutSeconds }))
    } catch (error) {
      const verdict = verdictOf(error, 'nc')
      assert.ok(verdict instanceof MusterError, String(verdict))
      return verdict
    }
    throw new Error('it found nothing')
  }

  it('is against it where it finds something, in one line, and where it does not end in time', async () => {
    const found = await said(['/bin/sh', '-c', `printf 'found \\033[2J\\342\\200\\256x' >&2; exit 3`])
    assert.equal(found.type, 'CheckFailed')
    assert.match(found.message, /ended with 3: found \\u001b\[2J\\u202ex$/)
    const hanging = await said(['/bin/sleep', '60'], 0.3)
    assert.equal(hanging.type, 'CheckFailed')
    assert.match(hanging.message, /scanner nc: .*not shown that nothing is there/)
  })

  it('is nothing where it is not there: the candidate is not to blame, and no retry helps', async () => {
    const { type, message } = await said(['/nowhere/scan-shop'])
    assert.equal(type, 'PreconditionFailed')
    assert.equal(failures[type].retry, false)
    assert.match(message, /scanner nc cannot be run: .*\/nowhere\/scan-shop was not found/)
  })
})
