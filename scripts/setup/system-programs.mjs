import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onPath, versions } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run, tail } from './run.mjs'

/** What a full PostgreSQL has and a client alone has not. */
const postgresPrograms = ['initdb', 'postgres', 'pg_ctl', 'pg_basebackup', 'pg_receivewal', 'pg_verifybackup', 'psql']
const parts = [
  { name: 'postgresql', packages: postgresqlPackages, find: findPostgresql },
  { name: 'zstd', packages: () => ['zstd'], find: () => firstVersion('zstd', ['--version']) },
  { name: 'age', packages: () => ['age'], find: async () => bothOf('age', 'age-keygen') },
  { name: 'tar', packages: () => ['tar'], find: findGnuTar },
  { name: 'ssh-keygen', packages: () => ['openssh-client'], find: async () => bothOf('ssh-keygen') },
  { name: 'setpriv', packages: () => ['util-linux'], find: async () => bothOf('setpriv', 'flock', 'unshare') },
  { name: 'ip', packages: () => ['iproute2'], find: async () => bothOf('ip') },
  { name: 'jq', packages: () => ['jq'], find: () => firstVersion('jq', ['--version']) },
  { name: 'knot', packages: () => ['knot'], find: findKnot },
  { name: 'nsupdate', packages: () => ['bind9-dnsutils'], find: async () => bothOf('nsupdate', 'dig') },
  { name: 'libfaketime', packages: () => ['libfaketime'], find: findFaketime },
  { name: 'python3', packages: () => ['python3-venv'], find: findPython },
]

/** Looks for the programs that the system's package manager brings; installs what is missing when it may. */
export async function ensureSystemPrograms(progress) {
  const found = await Promise.all(parts.map((part) => part.find()))
  const missing = parts.filter((_, index) => found[index] === undefined)
  for (const [index, part] of parts.entries()) {
    if (found[index] !== undefined) progress.have(`${part.name} ${found[index]}`.trim())
  }
  if (missing.length === 0) return
  const names = missing.map((part) => part.name).join(', ')
  progress.begin(names)
  if (onPath('apt-get') === undefined) throw withoutApt(names)
  const root = process.getuid() === 0
  if (root) {
    progress.note('installing')
    await apt(['update'], names)
  }
  const packages = []
  for (const part of missing) packages.push(...(await part.packages(root)))
  if (!root) throw withoutRight(names, packages)
  const postgres = packages.some((name) => name.startsWith('postgresql'))
  await withoutServices(() => (postgres ? withoutMainCluster(names, () => install(packages, names)) : install(packages, names)))
  if (packages.includes('knot')) await keepFromStarting('knot')
  for (const part of missing) {
    if ((await part.find()) === undefined) {
      throw new SetupError(part.name, 'still not found after its package was installed', [installLine(packages)])
    }
  }
  progress.done()
}

function installLine(packages) {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

async function install(packages, names) {
  await apt(['install', '-y', '--no-install-recommends', ...packages], names)
}

async function apt(args, names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
  // Right after a boot the system's own updates may hold the lock of the package manager.
  const result = await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-q', ...args], { env, timeoutSeconds: 900 })
  if (result.code === 0) return
  throw new SetupError(names, `apt-get ${args[0]} ended with ${result.code}\n    ${tail(result.output)}`, ['apt-get update', `apt-get ${args.join(' ')}`])
}

/**
 * Debian makes and starts a database cluster with the first server it installs. Nobody asked for one, and
 * it would take port 5432. The drop-in is there only while we install; the administrator's own file stays.
 */
async function withoutMainCluster(names, work) {
  if (!existsSync('/etc/postgresql-common/createcluster.conf')) await install(['postgresql-common'], names)
  const dropIn = '/etc/postgresql-common/createcluster.d/zz-muster-setup.conf'
  mkdirSync(dirname(dropIn), { recursive: true })
  writeFileSync(dropIn, 'create_main_cluster = false\n')
  try {
    await work()
  } finally {
    rmSync(dropIn, { force: true })
  }
}

/**
 * Debian starts a service with the package that brings it, and nobody asked for a DNS server on port 53. Where the
 * administrator has a rule for that, it decides.
 */
async function withoutServices(work) {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return work()
  writeFileSync(policy, '#!/bin/sh\n# while muster installs programs for its tests\nexit 101\n', { mode: 0o755 })
  try {
    await work()
  } finally {
    rmSync(policy, { force: true })
  }
}

/** Not now, and not at the next boot either. */
async function keepFromStarting(unit) {
  if (onPath('systemctl') === undefined) return
  // The first also where systemd does not run, as in an image that is being built; the second only where it does.
  for (const verb of ['disable', 'stop']) await run('systemctl', [verb, unit])
}

/** The distribution's own major version, or the oldest new enough one it offers. */
async function postgresqlPackages() {
  for (const major of versions.postgresql.aptMajors) {
    const { output } = await run('apt-cache', ['policy', `postgresql-${major}`], {
      env: { ...process.env, LC_ALL: 'C' },
    })
    if (/Candidate: \d/.test(output)) return [`postgresql-${major}`]
  }
  throw new SetupError('postgresql', `this system's packages have no PostgreSQL ${versions.postgresql.minimumMajor} or newer; add PostgreSQL's own`, [
    'apt-get update',
    'apt-get install -y postgresql-common ca-certificates',
    '/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y',
    'npm run setup',
  ])
}

function withoutRight(names, packages) {
  const commands = ['sudo apt-get update']
  if (packages.some((name) => name.startsWith('postgresql'))) {
    commands.push(
      'sudo apt-get install -y --no-install-recommends postgresql-common',
      'echo "create_main_cluster = false" | sudo tee /etc/postgresql-common/createcluster.d/no-main.conf',
    )
  }
  commands.push(`sudo ${installLine(packages)}`)
  if (packages.includes('knot')) commands.push('sudo systemctl disable --now knot    # tests start their own')
  commands.push('npm run setup')
  return new SetupError(names, 'not installed, and only root can install packages', commands)
}

function withoutApt(names) {
  const { minimumMajor } = versions.postgresql
  return new SetupError(names, 'not installed, and this system has no apt-get', [
    `# with this system's package manager: PostgreSQL ${minimumMajor} or newer (server and client), zstd, age,`,
    '# GNU tar, the OpenSSH client, util-linux, iproute2, jq, Knot DNS, nsupdate and dig, libfaketime, Python 3 with venv; then',
    'npm run setup',
  ])
}

/** Newest first, like the adapters look for it. */
async function findPostgresql() {
  const places = []
  for (const [folder, pattern] of [
    ['/usr/lib/postgresql', /^(\d+)$/],
    ['/usr', /^pgsql-(\d+)$/],
  ]) {
    if (!existsSync(folder)) continue
    for (const name of readdirSync(folder)) {
      const major = pattern.exec(name)?.[1]
      if (major !== undefined) places.push({ major: Number(major), bin: join(folder, name, 'bin') })
    }
  }
  const server = onPath('postgres')
  if (server !== undefined) places.push({ major: 0, bin: dirname(server) })
  for (const { bin } of places.toSorted((one, other) => other.major - one.major)) {
    if (!postgresPrograms.every((program) => existsSync(join(bin, program)))) continue
    const version = /\d+(?:\.\d+)*/.exec((await run(join(bin, 'postgres'), ['--version'])).output)?.[0]
    if (version !== undefined && Number.parseInt(version, 10) >= versions.postgresql.minimumMajor) return version
  }
  return undefined
}

async function findGnuTar() {
  const { code, output } = await run('tar', ['--version'])
  return code === 0 && output.includes('GNU tar') ? /\d+(?:\.\d+)+/.exec(output)?.[0] : undefined
}

/** Only root's PATH leads to it. */
async function findKnot() {
  const path = onPath('knotd') ?? ['/usr/sbin/knotd', '/usr/local/sbin/knotd'].find((place) => existsSync(place))
  return path === undefined ? undefined : (/\d+(?:\.\d+)+/.exec((await run(path, ['--version'])).output)?.[0] ?? '')
}

/** A library: it gives one server of the tests another clock. */
async function findFaketime() {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => name.includes('-linux-')) : []
  const paths = ['', ...folders].map((folder) => join('/usr/lib', folder, 'faketime', 'libfaketimeMT.so.1'))
  return paths.some((path) => existsSync(path)) ? '' : undefined
}

/** Debian's Python makes no environment of its own until a package is added. */
async function findPython() {
  const { code, output } = await run('python3', ['-c', 'import sys, venv, ensurepip; print(sys.version)'])
  return code === 0 ? /\d+(?:\.\d+)+/.exec(output)?.[0] : undefined
}

async function firstVersion(program, args) {
  const { code, output } = await run(program, args)
  return code === 0 ? (/\d+(?:\.\d+)+/.exec(output)?.[0] ?? '') : undefined
}

function bothOf(...programs) {
  return programs.every((program) => onPath(program) !== undefined) ? '' : undefined
}
