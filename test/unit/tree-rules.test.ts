import assert from 'node:assert/strict'
import type { TreeRestoreConfig } from '../../domain/config.ts'
import { machineFilePatterns } from '../../domain/machine-files.ts'
import { countsOf, countsText, differenceLine, firstLines, inOrder } from '../../domain/shown-difference.ts'
import { type ComparedRoot, compareRoot, differencesRead, type Standing } from '../../domain/tree-difference.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'
import { canMatchBelow, matchesRoot } from '../../domain/tree-patterns.ts'
import { leftOutBy, type RestoreSides, rulesOf, rulesTexts, substitutionsOf, type TreeRules } from '../../domain/tree-rules.ts'

const restore = (rules: Partial<TreeRestoreConfig> = {}) => ({ restore: { after: [], ...rules } })
const sides = (changes: Partial<RestoreSides> = {}): RestoreSides => ({ as: 'elsewhere', to: 'away', roots: ['/srv/shop'], ...changes })
const texts = [{ files: ['*.env'], replace: '10.0.1.5', with: '10.0.2.5' }]

describe('rules of a tree', () => {
  it('are none where nothing is asked for and nothing of the machine can be in the tree', () => {
    assert.equal(rulesOf(restore(), sides()), null)
    assert.equal(rulesOf(restore(), sides({ as: 'here' })), null)
  })

  it('keep the files of the machine on another host, those that can be in the tree, and not on its own', () => {
    assert.deepEqual(rulesOf(restore(), sides({ roots: ['/etc/ssh'] }))?.never, ['/etc/ssh/ssh_host_*'])
    assert.deepEqual(
      rulesOf(restore(), sides({ roots: ['/etc'] }))?.never,
      machineFilePatterns.filter((one) => one.startsWith('/etc/')),
    )
    assert.equal(rulesOf(restore(), sides({ as: 'here', roots: ['/etc'] })), null)
    assert.equal(rulesOf(restore({ neverDefaults: false }), sides({ roots: ['/etc'] })), null)
    assert.deepEqual(rulesOf(restore({ never: ['host.conf'] }), sides())?.never, ['host.conf'])
    assert.deepEqual(rulesOf(restore({ never: ['host.conf'], neverDefaults: false }), sides({ roots: ['/etc'] }))?.never, ['host.conf'])
  })

  it('name what identifies a machine of either family', () => {
    const leftOut = leftOutBy({ as: 'elsewhere', bring: 'all', never: machineFilePatterns })
    const etc = { was: '/etc', goes: '/etc' }
    const own = [
      'fstab',
      'machine-id',
      'hostname',
      'ssh/ssh_host_ed25519_key',
      'ssh/ssh_host_rsa_key.pub',
      'network/interfaces.d/eth0',
      'netplan/01-netcfg.yaml',
      'NetworkManager/system-connections/eth0.nmconnection',
      'sysconfig/network-scripts/ifcfg-eth0',
      'firewalld/zones/public.xml',
      'nftables.conf',
      'iptables/rules.v4',
      'sysconfig/iptables',
    ]
    assert.deepEqual(
      own.filter((path) => leftOut(etc, path) === null),
      [],
    )
    const others = ['ssh/sshd_config', 'nginx/nginx.conf', 'fstab.d', 'sysconfig/nginx', 'hosts.allow', 'ssh', '.']
    assert.deepEqual(
      others.filter((path) => leftOut(etc, path) !== null),
      [],
    )
    assert.equal(leftOut(etc, 'netplan/01.yaml'), 'never /etc/netplan (network)')
    // Also where the one path of a tree is the file itself.
    assert.equal(leftOut({ was: '/etc/fstab', goes: '/etc/fstab' }, 'fstab'), 'never /etc/fstab (disks)')
  })

  it('turn texts round on the way home, and replace none within a site or on the same host', () => {
    const config = restore({ substitute: texts })
    assert.deepEqual(rulesOf(config, sides({ to: 'away' }))?.substitute, texts)
    assert.deepEqual(rulesOf(config, sides({ to: 'home' }))?.substitute, [{ files: ['*.env'], replace: '10.0.2.5', with: '10.0.1.5' }])
    assert.equal(rulesOf(config, sides({ to: null })), null)
    assert.equal(rulesOf(config, sides({ as: 'here' })), null)
  })

  it('bring what `here` names on the host of the backup, and what `elsewhere` names on another', () => {
    const config = restore({ here: ['a'], elsewhere: ['b/**'] })
    const [here, elsewhere] = (['here', 'elsewhere'] as const).map((as) => leftOutBy(rulesOf(config, sides({ as })) as TreeRules))
    const root = { was: '/srv/shop', goes: '/srv/shop' }
    assert.deepEqual([here?.(root, 'a/x'), here?.(root, 'b/x')], [null, 'not in restore.here'])
    assert.deepEqual([elsewhere?.(root, 'a/x'), elsewhere?.(root, 'b/x')], ['not in restore.elsewhere', null])
  })

  it('count for where a file was and for where it goes', () => {
    const root = { was: '/etc/shop', goes: '/srv/dr/shop' }
    const leftOut = leftOutBy({ as: 'elsewhere', bring: 'all', never: ['/etc/shop/a', '/srv/dr/shop/b'] })
    assert.deepEqual(
      ['a', 'b', 'c'].map((path) => leftOut(root, path) !== null),
      [true, true, false],
    )
    assert.deepEqual(substitutionsOf([{ files: ['/srv/dr/shop/*.env'], replace: 'x', with: 'y' }, ...texts])(root, 'a.env'), [0, 1])
  })

  it('are told to who approves', () => {
    const rules: TreeRules = { as: 'elsewhere', bring: ['conf'], never: ['/etc/fstab'], substitute: texts }
    assert.deepEqual(rulesTexts(rules), [
      'only conf (restore.elsewhere); the rest stays as it is there',
      'stays as it is there: /etc/fstab',
      'in *.env: "10.0.1.5" becomes "10.0.2.5"',
    ])
    assert.deepEqual(rulesTexts(undefined), [])
  })
})

describe('a pattern', () => {
  it('is known to match nothing below a root only where that is certain', () => {
    const can = (pattern: string) => canMatchBelow(pattern, ['/etc/shop', '/opt'])
    assert.deepEqual(['*.env', 'a/b', '/etc/shop', '/etc/shop/a', '/etc', '/**', '/opt/*/x', '/e*/shop/x', '/etc/sh*', '/'].map(can), Array(10).fill(true))
    assert.deepEqual(['/etc/shopping', '/srv', '/etc/nginx/*', '/optional/**'].map(can), Array(4).fill(false))
  })

  it('takes a whole root where it names it or something above', () => {
    assert.deepEqual(
      ['/etc/nftables', '/etc', '/etc/n*', 'nftables', '/etc/nftables/x'].map((pattern) => matchesRoot(pattern, '/etc/nftables')),
      [true, true, true, false, false],
    )
  })
})

describe('the difference of a tree', () => {
  const entry = (path: string, changes: Partial<TreeEntry> = {}): TreeEntry => ({
    root: 0,
    path,
    type: 'file',
    sizeBytes: 4,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: '1000000000',
    ctime: '1000000000',
    inode: path,
    sha256: 'a'.repeat(64),
    object: 'tree:0',
    ...changes,
  })
  const stands = (changes: Partial<Standing> = {}): Standing => ({
    type: 'file',
    sizeBytes: 4,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1_000_000_000n,
    ctime: 1_000_000_000n,
    ...changes,
  })
  const directory = { type: 'directory', sizeBytes: 0, sha256: null } as const
  const compare = (backup: readonly TreeEntry[], standing: Readonly<Record<string, Standing>>, changes: Partial<ComparedRoot> = {}) =>
    compareRoot({
      root: { was: '/srv', goes: '/srv' },
      backup: new Map(backup.map((one) => [one.path, one])),
      standing: new Map(Object.entries(standing)),
      leftOut: () => null,
      substituted: () => false,
      newer: null,
      owners: true,
      ...changes,
    })
  const kinds = (compared: ReturnType<typeof compare>) => compared.differences.map(({ kind, path, why }) => `${kind} ${path}${why === null ? '' : `: ${why}`}`)

  it('believes size and time, and asks to read where only the time differs', () => {
    const found = compare([entry('a'), entry('b'), entry('c')], { a: stands(), b: stands({ mtime: 5n }), c: stands({ sizeBytes: 5, mtime: 5n }) })
    assert.deepEqual([found.same, [...found.toRead.keys()], kinds(found)], [1, ['b'], ['changed c']])
    const read = (hash?: string) => differencesRead(found.toRead, new Map(hash === undefined ? [] : [['b', hash]]))[0]
    assert.deepEqual([read('a'.repeat(64))?.kind, read('b'.repeat(64))?.kind], ['attributes', 'changed'])
    assert.equal(read()?.why, 'same size, another time, not read')
  })

  it('takes a time that the filesystem cut for the same', () => {
    assert.equal(compare([entry('a', { mtime: '1234567899' })], { a: stands({ mtime: 1_234_567_000n }) }).same, 1)
  })

  it('looks at the file behind a further name of it', () => {
    const backup = [entry('a'), entry('b', { type: 'hardlink', sizeBytes: 0, sha256: null, linkTarget: 'a' })]
    assert.equal(compare(backup, { a: stands(), b: stands() }).same, 2)
    assert.deepEqual(kinds(compare(backup, { a: stands(), b: stands({ sizeBytes: 9 }) })), ['changed b'])
  })

  it('says what else is different about the same content, owners only where they can be given', () => {
    const standing = { a: stands({ mode: 0o600, uid: 7 }) }
    assert.deepEqual(kinds(compare([entry('a')], standing)), ['attributes a: mode 600 becomes 644, owner 7:0 becomes 0:0'])
    assert.deepEqual(kinds(compare([entry('a')], standing, { owners: false })), ['attributes a: mode 600 becomes 644'])
  })

  it('keeps files that are newer than the backup, in place, and the directories that hold them', () => {
    const newer = { after: 10n, until: 20n }
    const standing = {
      d: stands({ type: 'directory', sizeBytes: 0 }),
      'd/new': stands({ ctime: 15n }),
      late: stands({ ctime: 21n }),
      old: stands({ ctime: 9n }),
    }
    assert.deepEqual(kinds(compare([], standing, { newer })), ['kept d: holds what stays', 'kept d/new: newer than the backup', 'removed late', 'removed old'])
  })

  it('adds a directory that holds what is restored, though a rule leaves the directory out', () => {
    const leftOut = (_root: unknown, path: string) => (path.endsWith('.env') ? null : 'not in restore.elsewhere')
    const backup = [entry('.', directory), entry('conf', directory), entry('conf/a.env'), entry('data', directory), entry('data/x')]
    assert.deepEqual(kinds(compare(backup, {}, { leftOut })), [
      'added .: holds what is restored',
      'added conf: holds what is restored',
      'added conf/a.env',
      'left out data: not in restore.elsewhere',
      'left out data/x: not in restore.elsewhere',
    ])
  })

  it('says where what should stay has no place', () => {
    const leftOut = (_root: unknown, path: string) => (path === 'conf' || path === 'b/keep' ? 'never' : null)
    const backup = [entry('conf', directory), entry('conf/a'), entry('b', { type: 'symlink', linkTarget: '/etc', sha256: null })]
    const standing = { conf: stands(), b: stands({ type: 'directory', sizeBytes: 0 }), 'b/keep': stands() }
    assert.deepEqual(kinds(compare(backup, standing, { leftOut })).sort(), [
      'added conf/a',
      'changed b: a directory becomes a symlink',
      'changed conf: never, but it has no place beside what is restored',
      'removed b/keep: never, but it has no place beside what is restored',
    ])
  })

  it('is one line for each name, whatever the name, with the weightiest first, and as many as fit', () => {
    const differences = compare([entry('a\nb')], { '-rf \u001b[31m': stands() }).differences
    const lines = inOrder(differences).map((one) => differenceLine(one, '/srv'))
    assert.deepEqual(lines, ['removed      "/srv/-rf \\u001b[31m"', 'added        "/srv/a\\nb"'])
    assert.deepEqual(firstLines(lines, 3 * 40), { lines: [lines[0]], omitted: 1 })
    assert.equal(countsText(countsOf(differences, 3)), '1 removed, 1 added, 3 the same')
    assert.equal(countsText(countsOf([], 0)), 'nothing on either side')
  })
})
