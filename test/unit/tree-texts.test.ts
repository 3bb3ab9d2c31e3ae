import assert from 'node:assert/strict'
import { boundLines, boundText } from '../../domain/tree-texts.ts'
import { ruledTrees, type RestoreContext } from '../../workflows/restore/context.ts'

/** As `applyTreeRules` bounds those of one tree. */
const most = Array.from({ length: 20 }, (_, at) => `${at} ${'ä'.repeat(400)}`)

describe('texts about trees', () => {
  it('fit into one result however many trees there are, and say how many are missing', () => {
    for (const trees of [1, 10, 50]) {
      const applied = { carried: 1, carriedBytes: 1, leftOut: 1, substituted: [], deviations: most }
      const ruled = new Map(Array.from({ length: trees }, (_, at) => [`tree-${at}`, applied] as const))
      const result = ruledTrees({ ruled } as unknown as RestoreContext)
      assert.ok(Buffer.byteLength(JSON.stringify(result)) < 40 * 1024, `${trees} trees: ${JSON.stringify(result).length}`)
      const { deviations } = result.trees?.['tree-0'] ?? applied
      assert.equal(deviations.at(-1), trees === 1 ? most.at(-1) : `and ${20 - (deviations.length - 1)} more`)
    }
    assert.deepEqual(boundLines(['short'], 50), ['short'])
  })

  it('are cut with a count of what is missing, and left where they fit', () => {
    assert.equal(boundText('x'.repeat(1000), 10), `${'x'.repeat(409)}… (591 more characters)`)
    assert.equal(boundText('short', 50), 'short')
  })
})
