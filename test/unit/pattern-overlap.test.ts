import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sharedPath } from '../../domain/pattern-overlap.ts'
import { compilePattern } from '../../domain/tree-patterns.ts'

const root = '/srv/shop'
const shared = (a: string, b: string) => sharedPath({ pattern: a, root }, { pattern: b, root })

/** Whether a pattern takes a path, or could, by a directory above it. */
function takesAbove(pattern: string, path: string): boolean {
  const names = path.split('/')
  return ['.', ...names.map((_, at) => names.slice(0, at).join('/'))].some((above) => above !== '' && compilePattern(pattern)(root, above))
}

describe('a path that two patterns take', () => {
  it('is found where there is one, and is short', () => {
    const pairs: readonly (readonly [string, string, string | null])[] = [
      ['*.env', 'conf/**', 'conf/.env'],
      ['*.env', '*.conf', null],
      // A directory above takes a file along, but any name could be one.
      ['conf', '*.env', null],
      ['app.env', 'db.env', null],
      ['conf', 'con?', 'conf'],
      ['conf/a.env', 'conf/b.env', null],
      ['conf/*.env', 'conf/prod.*', 'conf/prod.env'],
      ['/srv/shop/conf/*', 'a.env', 'conf/a.env'],
      ['/srv/other/**', '*.env', null],
      ['/srv/**', 'x/y', 'x/y'],
      ['**/deep/*.env', 'a/b/**', 'a/b/deep/.env'],
      ['?.env', 'ab.env', null],
    ]
    for (const [a, b, path] of pairs) {
      const found = shared(a, b)
      assert.equal(found === null, path === null, `${a} ${b}: ${found}`)
      if (found !== null) assert.ok(found.length <= (path as string).length + 2, `${a} ${b}: ${found}`)
    }
  })

  it('is one that both take, and is found whenever some path is taken by both', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '**/', '?', '.')
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !text.includes('//') && text !== '/')
      .map((text) => (text.startsWith('/') ? `${root}${text}` : text))
    const path = fc.array(fc.constantFrom('a', 'b', '.a', 'ab', 'b.a', 'aa'), { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
    fc.assert(
      fc.property(pattern, pattern, path, (a, b, some) => {
        const found = shared(a, b)
        const both = (one: string) => compilePattern(a)(root, one) && compilePattern(b)(root, one)
        if (found !== null) assert.ok(both(found), `${a} ${b} do not both take ${found}`)
        else assert.ok(!both(some) || [a, b].some((one) => takesAbove(one, some)), `${a} ${b} both take ${some}`)
      }),
      { numRuns: 3000 },
    )
  })
})
