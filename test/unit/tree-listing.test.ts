import assert from 'node:assert/strict'
import { compilePatterns } from '../../domain/tree-patterns.ts'
import { parseComplaint, parseMember } from '../../adapters/component/files/tar-listing.ts'
import { inLanes, together } from '../../adapters/component/files/together.ts'
import { type ArchiveMember, checkMemberNames } from '../../domain/archive-members.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'

describe('a line of a tar listing', () => {
  for (const [line, expected] of [
    ['-rwsr-xr-x 0/0               3 2026-11-21 01:54:54.000565286 "a"', { path: 'a', type: 'file', mode: 0o4755, sizeBytes: 3 }],
    ['-rw-r--r--* 10/20              3 2026-11-21 01:54:54.0005     "a"', { path: 'a', mode: 0o644, uid: 10, gid: 20 }],
    ['hrw-r--r-- 0/0 0 1970-01-01 00:00:00 "b" link to "a -> \\"x\\""', { type: 'hardlink', linkTarget: 'a -> "x"', sizeBytes: 0 }],
    ['lrwxrwxrwx 0/0 0 2026-11-21 01:54:54 "c" -> "new\\nline"', { type: 'symlink', linkTarget: 'new\nline' }],
    ['drwxrws--T 0/0 0 2026-11-21 01:54:54 "./"', { path: '.', type: 'directory', mode: 0o3770 }],
    ['-rw-r--r-- 0/0 2 2026-11-21 01:54:54 "\\303\\251\\377\\\\"', { path: 'é\udcff\\' }],
    ['crw-rw-rw- 0/0 1,3 2026-11-21 01:54:54 "null"', { type: 'device' }],
    ['brw-rw-rw- 0/0 1,3 2026-11-21 01:54:54 "disk"', { type: 'device' }],
    ['Vrw-rw-rw- 0/0 0 2026-11-21 01:54:54 "label"', { type: 'other' }],
  ] as const) {
    it(`is understood: ${line.slice(line.indexOf('"'))}`, () => {
      const member = parseMember(line) as unknown as Record<string, unknown>
      for (const [key, value] of Object.entries(expected)) assert.equal(member[key], value, key)
    })
  }

  it('is told apart from a complaint', () => {
    assert.equal(parseMember('/usr/bin/tar: "a": Cannot stat: No such file or directory'), null)
    assert.deepEqual(parseComplaint('/usr/bin/tar: "a\\nb/": Cannot open: Permission denied'), {
      path: 'a\nb',
      text: 'Cannot open: Permission denied',
    })
    assert.deepEqual(parseComplaint('tar: Child returned status 1'), { path: null, text: 'Child returned status 1' })
  })
})

describe('the members of an archive', () => {
  const entry: TreeEntry = {
    root: 0,
    path: 'd/f',
    type: 'file',
    sizeBytes: 1,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: '0',
    ctime: '0',
    inode: '',
    sha256: null,
    object: 'tree:1',
  }
  const member: ArchiveMember = { path: 'd/f', type: 'file', sizeBytes: 1, mode: 0o644, uid: 0, gid: 0 }
  const expected = (entries: readonly TreeEntry[], directories = ['.', 'd']) => ({
    object: 'tree:1',
    entries: new Map(entries.map((one) => [one.path, one])),
    directories: new Set(directories),
  })

  it('pass when they are exactly what the index lists', () => {
    checkMemberNames([member], expected([entry]))
  })

  it('are refused when a part of the way is not a directory of the index', () => {
    assert.throws(() => checkMemberNames([member], expected([entry], ['.'])), /"d\/f" lies below "d"/)
  })

  it('are refused when another owner gets them', () => {
    assert.throws(() => checkMemberNames([{ ...member, uid: 33 }], expected([entry])), /another owner/)
  })

  it('may link only to a file that came before in the same archive', () => {
    const link: TreeEntry = { ...entry, path: 'd/l', type: 'hardlink', linkTarget: 'd/f', sizeBytes: 0 }
    const linkMember: ArchiveMember = { ...member, path: 'd/l', type: 'hardlink', linkTarget: 'd/f', sizeBytes: 0 }
    checkMemberNames([member, linkMember], expected([entry, link]))
    assert.throws(() => checkMemberNames([linkMember, member], expected([entry, link])), /not a file before it/)
  })
})

describe('an exclude pattern', () => {
  for (const [pattern, path, matches] of [
    ['*.tmp', 'a/b.tmp', true],
    ['*.tmp', 'a.tmp/inside', true],
    ['*.tmp', 'a.tmpx', false],
    ['cache', 'deep/cache/x', true],
    ['cache/', 'deep/cache/x', true],
    ['cache', 'mycache', false],
    ['a/*', 'a/b/c', true],
    ['a/*/c', 'a/b/x', false],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/x/y/c', true],
    ['thumbs/**', 'thumbs', false],
    ['thumbs/**', 'thumbs/1', true],
    ['fil?', 'file', true],
    ['fil?', 'fil', false],
    ['a.b', 'axb', false],
    ['[x]', '[x]', true],
    ['*', 'new\nline', true],
    ['/srv/app/private', 'private/x', true],
    ['/srv/app/private', 'other/private', false],
  ] as const) {
    it(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(path)}`, () => {
      assert.equal(compilePatterns([pattern])('/srv/app', path), matches)
    })
  }
})

describe('work side by side', () => {
  it('ends all when one fails, and throws that failure after all have ended', async () => {
    const ended: string[] = []
    const slow = (signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => setTimeout(() => (ended.push('slow'), reject(new Error('aborted'))), 20)))
    await assert.rejects(together(undefined, [slow, async () => Promise.reject(new Error('first'))]), /first/)
    assert.deepEqual(ended, ['slow'])
  })

  it('hands each item to one lane', async () => {
    const seen: number[] = []
    const items = async function* (): AsyncGenerator<number> {
      yield* [1, 2, 3, 4, 5]
    }
    await inLanes(undefined, 2, items(), async (item) => void seen.push(item))
    assert.deepEqual(seen.sort(), [1, 2, 3, 4, 5])
  })
})
