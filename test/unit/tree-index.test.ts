import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MusterError } from '../../domain/failures.ts'
import { lastEntries, parseEntry, parseHeader, serialiseEntry, serialiseHeader, type TreeEntry, treeIndexFormat } from '../../domain/tree-index.ts'
import { ancestorsOf, decodePath, encodePath, isAtOrBelow, parentOf, pathProblem, shownPath } from '../../domain/tree-path.ts'

const file: TreeEntry = {
  root: 0,
  path: 'a/b',
  type: 'file',
  sizeBytes: 3,
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  mtime: '1700000000123456789',
  ctime: '1700000000123456790',
  inode: '1:2',
  sha256: 'ab'.repeat(32),
  object: 'tree:1',
}

describe('a path in a tree', () => {
  it('gives back exactly the bytes it was read from, whatever they are', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 })
    const nearUtf8 = fc.array(fc.constantFrom(0x41, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0xff, 0xef, 0xbb, 0xbf), { maxLength: 12 })
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          nearUtf8.map((list) => Uint8Array.from(list)),
        ),
        (name) => {
          assert.deepEqual([...encodePath(decodePath(name))], [...name])
        },
      ),
    )
  })

  it('is readable text where it is UTF-8', () => {
    assert.equal(decodePath(Buffer.from('ümläut→😀')), 'ümläut→😀')
    assert.equal(decodePath(Uint8Array.of(0x61, 0xff, 0x62)), 'a\udcffb')
  })

  it('is shown on one line', () => {
    assert.equal(shownPath('a\nb\u0085\udcff'), '"a\\nb\\u0085\\udcff"')
  })

  for (const [path, problem] of [
    ['', 'is empty'],
    ['/a', 'is absolute'],
    ['..', 'leads out of the tree by ".."'],
    ['a/../b', 'leads out of the tree by ".."'],
    ['a\0b', 'contains a NUL'],
    ['a//b', 'is not in its plain form'],
    ['./a', 'is not in its plain form'],
    ['a/', 'is not in its plain form'],
    ['.', null],
    ['..a/...', null],
    ['-x', null],
  ] as const) {
    it(`${JSON.stringify(path)} ${problem ?? 'is a place in the tree'}`, () => assert.equal(pathProblem(path), problem))
  }

  it('knows what is above it', () => {
    assert.deepEqual(ancestorsOf('a/b/c'), ['.', 'a', 'a/b'])
    assert.deepEqual(ancestorsOf('.'), [])
    assert.deepEqual([parentOf('a/b'), parentOf('a')], ['a', '.'])
    assert.deepEqual([isAtOrBelow('a/b', 'a'), isAtOrBelow('ab', 'a'), isAtOrBelow('ab', '.')], [true, false, true])
  })
})

describe('a line of the tree index', () => {
  it('is read as it was written, with any name and link', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 30 }).map(decodePath)
    const name = bytes.filter((path) => pathProblem(path) === null)
    fc.assert(
      fc.property(name, bytes, (path, linkTarget) => {
        const entry: TreeEntry = { ...file, path, type: 'symlink', linkTarget, sha256: null }
        const line = serialiseEntry(entry)
        assert.ok(!line.includes('\n'))
        assert.deepEqual(parseEntry(line, 2), entry)
      }),
    )
  })

  it('carries a name that is not UTF-8 as base64', () => {
    const line = JSON.parse(serialiseEntry({ ...file, path: 'a\udcff' })) as Record<string, unknown>
    assert.deepEqual([line['path'], line['pathBase64']], [undefined, Buffer.from([0x61, 0xff]).toString('base64')])
  })

  for (const [what, change, type] of [
    ['a path that leaves the tree', { path: '../x' }, 'HostileArchive'],
    ['a hard link that leaves the tree', { type: 'hardlink', linkTarget: '/etc/passwd' }, 'HostileArchive'],
    ['no path', { path: undefined }, 'ManifestInvalid'],
    ['an unknown type', { type: 'device' }, 'ManifestInvalid'],
    ['a negative size', { sizeBytes: -1 }, 'ManifestInvalid'],
    ['a mode with more than permissions', { mode: 0o100644 }, 'ManifestInvalid'],
    ['a link without its target', { type: 'symlink' }, 'ManifestInvalid'],
    ['a target without a link', { linkTarget: 'x' }, 'ManifestInvalid'],
    ['a hash that is none', { sha256: 'abc' }, 'ManifestInvalid'],
    ['a file in no object', { object: null }, 'ManifestInvalid'],
    ['a time that is none', { mtime: 'yesterday' }, 'ManifestInvalid'],
  ] as const) {
    it(`is refused with ${what}`, () => {
      const line = JSON.stringify({ ...file, ...change })
      assert.throws(
        () => parseEntry(line, 2),
        (error) => error instanceof MusterError && error.type === type,
      )
    })
  }

  it('begins the index with its format and roots', () => {
    const header = {
      format: treeIndexFormat,
      roots: [{ root: 0, path: '/srv', realpath: '/data/srv', type: 'directory' }],
    } as const
    assert.deepEqual(parseHeader(serialiseHeader(header)), header)
    assert.throws(() => parseHeader('{"format":"muster-tree-index-2","roots":[]}'), /does not begin with a header/)
    assert.throws(() => parseHeader('{'), /line 1 of the tree index is not JSON/)
  })

  it('counts only when it is the last of its path', async () => {
    const lines: TreeEntry[] = [
      { ...file, path: 'a', changedWhileRead: true },
      { ...file, path: 'b' },
      { ...file, path: 'c', changedWhileRead: true },
      { ...file, path: 'a', object: 'tree:2' },
    ]
    const last: TreeEntry[] = []
    for await (const entry of lastEntries(stream(lines))) last.push(entry)
    assert.deepEqual(
      last.map((entry) => [entry.path, entry.object]),
      [
        ['b', 'tree:1'],
        ['a', 'tree:2'],
        ['c', 'tree:1'],
      ],
    )
  })
})

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
