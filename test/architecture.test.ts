import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

/** What the files of a room may import. A slash at the end means everything below, a star whatever begins so. */
interface Room {
  readonly name: string
  /** Files of the house, beside the room's own. */
  readonly house: readonly string[]
  /** Files of the house that give their types only. */
  readonly houseTypes?: readonly string[]
  readonly packages: readonly string[]
  readonly node: 'all' | 'none' | readonly string[]
  /** Whether files of the room may import each other; a list restricts it to these. */
  readonly own?: boolean
}

const root = join(import.meta.dirname, '..')

/** What a room may know of the outside without knowing who implements it; each is named after its port. */
const ports = [
  'adapters/component/component.ts',
  'adapters/component/files/files.ts',
  'adapters/component/member/member.ts',
  'adapters/component/member/members.ts',
  'adapters/component/postgresql/postgresql.ts',
  'adapters/component/postgresql/shipper-protocol.ts',
  'adapters/component/postgresql/wal-source.ts',
  'adapters/crypto/crypto.ts',
  'adapters/dns/dns.ts',
  'adapters/history/history.ts',
  'adapters/notifier/notifier.ts',
  'adapters/process/process.ts',
  'adapters/secret/secret.ts',
  'adapters/service/service.ts',
  'adapters/store/store.ts',
]

/** Any file of a room of adapters may give its types: the wiring hands the value in. */
const adapterTypes = ['adapters/']

const adapterHouse = ['domain/', 'adapters/process/', 'observability/']

/** The kinds of component share one more port; they do not know each other. */
const componentHouse = [...adapterHouse, 'adapters/component/component.ts']

const rooms: readonly Room[] = [
  { name: 'domain/', house: [], packages: [], node: 'none' },
  { name: 'config/', house: ['domain/'], packages: ['zod', 'yaml'], node: 'all' },
  { name: 'observability/', house: ['domain/'], packages: ['pino'], node: 'all' },
  { name: 'adapters/process/', house: ['domain/', 'observability/'], packages: [], node: 'all' },
  { name: 'adapters/component/files/', house: componentHouse, packages: [], node: 'all' },
  { name: 'adapters/component/member/', house: componentHouse, packages: [], node: 'all' },
  { name: 'adapters/component/postgresql/', house: componentHouse, packages: ['pg'], node: 'all' },
  { name: 'adapters/component/', house: adapterHouse, packages: [], node: 'all' },
  { name: 'adapters/crypto/', house: adapterHouse, packages: [], node: 'all' },
  { name: 'adapters/dns/', house: adapterHouse, packages: ['@aws-sdk/client-route-53', 'dns-packet'], node: 'all' },
  { name: 'adapters/history/', house: adapterHouse, packages: ['@temporalio/client', '@temporalio/common'], node: 'all' },
  { name: 'adapters/notifier/', house: adapterHouse, packages: ['nodemailer'], node: 'all' },
  { name: 'adapters/secret/', house: adapterHouse, packages: [], node: 'all' },
  { name: 'adapters/service/', house: adapterHouse, packages: [], node: 'all' },
  { name: 'adapters/store/', house: adapterHouse, packages: ['@aws-sdk/client-s3'], node: 'all' },
  {
    name: 'repository/',
    house: ['domain/', 'adapters/store/store.ts', 'adapters/crypto/crypto.ts', 'observability/'],
    packages: [],
    node: 'all',
  },
  {
    name: 'workflows/',
    house: ['domain/'],
    houseTypes: ['activities/'],
    packages: ['zod', '@temporalio/workflow', '@temporalio/common'],
    node: 'none',
  },
  {
    name: 'activities/',
    house: ['domain/', ...ports, 'repository/', 'observability/'],
    houseTypes: adapterTypes,
    packages: ['@temporalio/activity', '@temporalio/common'],
    node: 'all',
  },
  {
    name: 'workers/',
    house: ['domain/', 'activities/', ...ports, 'repository/', 'observability/'],
    houseTypes: ['adapters/component/postgresql/shipper-*', 'adapters/component/postgresql/wal-source.ts'],
    packages: ['@temporalio/worker', '@temporalio/common'],
    node: 'all',
  },
  {
    name: 'clients/',
    house: ['domain/', 'config/', 'repository/', ...ports, 'workflows/messages.ts'],
    packages: ['commander', '@temporalio/client', '@temporalio/common', '@temporalio/envconfig'],
    node: 'all',
  },
  { name: 'wiring/', house: ['/'], packages: ['*'], node: 'all' },
  { name: 'bin/', house: ['wiring/', 'domain/'], packages: [], node: 'all' },
  { name: 'scripts/', house: ['/'], packages: ['*'], node: 'all' },
  { name: 'bench/', house: ['/'], packages: ['*'], node: 'all' },
  { name: 'test/', house: ['/'], packages: ['*'], node: 'all' },
]

/** Only these import node:child_process: production code starts programs through adapters/process. */
const spawners = ['adapters/process/', 'bench/', 'scripts/', 'test/', 'wiring/supervise.ts']

/** All that the command line loads before it knows its verb: the rest would keep everybody waiting, and each service that a guard starts. */
const loadedAtOnce = ['commander', 'pino', 'zod']

/** What lies at the top beside the rooms. */
const otherFolders = ['.ci', 'docs', 'examples']

/** What tools put there and nobody commits. */
const generatedFolders = ['.git', '.muster', 'dist', 'node_modules']

/** Temporal's failure handling wants a default export for every workflow type it does not know. */
const defaultExports = ['workflows/index.ts']

interface Import {
  readonly file: string
  readonly line: number
  /** A file of the house, or the name of a package or of a Node module. */
  readonly target: string
  readonly kind: 'house' | 'package' | 'node'
  readonly typeOnly: boolean
  /** `import()`: loaded when the line is reached. */
  readonly onDemand: boolean
}

const sources = filesBelow('').filter((file) => file.endsWith('.ts'))
const imports = sources.flatMap(importsOf)

describe('the rooms of the house', () => {
  it('hold every source file', () => {
    const homeless = sources.filter((file) => roomOf(file) === undefined)
    assert.deepEqual(homeless, [], 'these files lie in no room of the table in test/architecture.test.ts')
  })

  it('are every folder at the top', () => {
    const known = [...rooms.map(({ name }) => name.slice(0, name.indexOf('/'))), ...otherFolders, ...generatedFolders]
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const strange = folders.map((entry) => entry.name).filter((name) => !known.includes(name))
    assert.deepEqual(strange, [], 'a new room needs its row in the table of test/architecture.test.ts')
  })

  for (const room of rooms) {
    it(`${room.name} imports only what its row allows`, () => {
      const bad = imports.filter((one) => roomOf(one.file) === room && !isAllowed(room, one))
      assert.equal(bad.map((one) => describeImport(room, one)).join('\n'), '')
    })
  }

  it('let the command line start without what only some verbs need', () => {
    const reached = new Set(['bin/muster.ts'])
    const found = new Map<string, string>()
    for (const file of reached) {
      for (const one of imports.filter((each) => each.file === file && !each.typeOnly && !each.onDemand)) {
        if (one.kind === 'house') reached.add(one.target)
        if (one.kind === 'package' && !loadedAtOnce.includes(one.target)) found.set(one.target, `${file} imports ${one.target}`)
      }
    }
    assert.deepEqual([...found.values()], [], 'load it in the verb that needs it: await import()')
    assert.ok(reached.size > 100, 'the imports were followed')
  })

  it('import only files that exist', () => {
    const broken = imports.filter((one) => one.kind === 'house' && !existsSync(join(root, one.target)))
    assert.deepEqual(
      broken.map((one) => `${one.file}:${one.line} imports ${one.target}`),
      [],
    )
  })

  it('start programs in adapters/process only', () => {
    const bad = imports.filter(({ file, target }) => target.replace('node:', '') === 'child_process' && !spawners.some((room) => file.startsWith(room)))
    assert.deepEqual(
      bad.map((one) => `${one.file}:${one.line} imports ${one.target}; use adapters/process (run-tool.ts, start-service.ts)`),
      [],
    )
  })

  it('have named exports only', () => {
    const bad = sources.filter((file) => !defaultExports.includes(file) && /^export default\b/m.test(read(file)))
    assert.deepEqual(bad, [], `a default export is allowed in ${defaultExports.join(', ')} only`)
  })

  it('name each file for its one idea, in kebab case', () => {
    const vague = /^(utils?|helpers?|common|misc|shared|types-and-)/
    const bad = sources.filter((file) => {
      const name = file.slice(file.lastIndexOf('/') + 1).replace(/(\.test)?\.ts$/, '')
      return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || vague.test(name)
    })
    assert.deepEqual(bad, [], 'kebab-case names of one idea; no utils, helpers, common, misc')
  })

  it('have a domain without clock, chance or process', () => {
    const impure = /\b(Date\.now|new Date\(\)|Math\.random|process\.|setTimeout|setInterval|console\.|fetch\(|crypto\.)/
    const bad = sources
      .filter((file) => file.startsWith('domain/'))
      .flatMap((file) =>
        codeLines(file).flatMap(({ number, text }) => {
          const found = impure.exec(text)?.[1]
          return found === undefined ? [] : [`${file}:${number} uses ${found}`]
        }),
      )
    assert.deepEqual(bad, [], 'the domain is pure: times, ids and environment are handed in')
  })
})

describe('what is committed', () => {
  const texts = filesBelow('').filter((file) => /\.(ts|mjs|js|json|jsonc|md|ya?ml|sql|sh)$|(^|\/)[A-Za-z.]+$/.test(file))

  it('names no path of the machine it was written on', () => {
    // Written in parts, or this file would be the first one found.
    const homes = [
      ['/wo', 'rk/'],
      ['/ro', 'ot/'],
      ['/home/', '[a-z]'],
    ].map((parts) => parts.join(''))
    const pattern = new RegExp(`(?<![\\w.*:\\-$}])(?:${homes.join('|')})`)
    assert.deepEqual(linesWith(texts, pattern), [])
  })

  it('names no registry host', () => {
    const hosts = [
      'registry\\.npm' + 'js\\.org',
      'registry\\.yarn' + 'pkg\\.com',
      'proxy\\.go' + 'lang\\.org',
      'pypi\\.' + 'org',
      'deb\\.deb' + 'ian\\.org',
      '"resolved": "' + 'http',
    ]
    assert.deepEqual(linesWith(texts, new RegExp(hosts.join('|'))), [])
  })
})

function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1} ${line.trim().slice(0, 100)}`] : [])),
  )
}

function roomOf(file: string): Room | undefined {
  return rooms.find((room) => file.startsWith(room.name))
}

function isAllowed(room: Room, { target, kind, typeOnly }: Import): boolean {
  if (kind === 'node') return room.node === 'all' || (room.node !== 'none' && room.node.includes(target))
  if (kind === 'package') return room.packages.includes('*') || room.packages.includes(packageOf(target))
  if (roomOf(target) === room) return true
  const allowed = [...room.house, ...(typeOnly ? (room.houseTypes ?? []) : [])]
  return allowed.some((place) => place === '/' || target === place || (/[/*]$/.test(place) && target.startsWith(place.replace('*', ''))))
}

function describeImport(room: Room, { file, line, target, typeOnly }: Import): string {
  const house = [room.name, ...room.house, ...(room.houseTypes ?? []).map((place) => `${place} (types only)`)]
  const allowed = [...house, ...room.packages, room.node === 'none' ? 'no node: module' : '']
  return `${file}:${line} imports ${typeOnly ? 'the types of ' : ''}${target}; ${room.name} may import: ${allowed.filter(Boolean).join(', ')}`
}

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')
}

function importsOf(file: string): Import[] {
  const text = read(file)
  const statement = /^(?:import|export)\s+(?:(type)\s+)?(?:([\w*{][^'"`;=]*?)\s+from\s+)?'([^'\n]+)'|\bimport\(\s*'([^'\n]+)'\s*\)(\.[A-Z])?/gm
  return [...text.matchAll(statement)].map((match) => {
    const [, typeKeyword, names = '', fixed, dynamic, typeMember] = match
    const specifier = fixed ?? dynamic ?? ''
    const onDemand = dynamic !== undefined
    const line = text.slice(0, match.index).split('\n').length
    const typeOnly = typeKeyword !== undefined || typeMember !== undefined || /^\{(\s*type\s+\w+(\s+as\s+\w+)?\s*,?)+\s*\}$/.test(names)
    if (!specifier.startsWith('.')) {
      return { file, line, target: specifier, typeOnly, onDemand, kind: specifier.startsWith('node:') ? 'node' : 'package' }
    }
    return { file, line, target: normalize(join(dirname(file), specifier)), typeOnly, onDemand, kind: 'house' }
  })
}

function codeLines(file: string): { readonly number: number; readonly text: string }[] {
  const text = read(file).replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
  return text.split('\n').map((line, index) => ({ number: index + 1, text: line.replace(/\/\/.*$/, '').replace(/'[^']*'/g, "''") }))
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (generatedFolders.includes(entry.name)) return []
    const path = join(root, folder, entry.name)
    if (entry.isDirectory()) return filesBelow(relative(root, path))
    return entry.isFile() ? [relative(root, path)] : []
  })
}
