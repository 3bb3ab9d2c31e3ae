/** The shape of docker-compose.yml and Dockerfile; whether they start is for a machine with a container engine. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Desk } from '../../clients/cli/desk.ts'
import { createProgram } from '../../clients/cli/program.ts'
import { parseConfig } from '../../config/load.ts'

interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: unknown
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly configs?: readonly { readonly source: string; readonly target: string }[]
  readonly secrets?: readonly string[]
  readonly pid?: string
  readonly network_mode?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly configs?: Readonly<Record<string, { readonly content?: string; readonly file?: string }>>
  readonly secrets?: Readonly<Record<string, unknown>>
}

const root = join(import.meta.dirname, '..', '..')
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
const compose = parse(text, { merge: true }) as Compose
const services = Object.entries(compose.services)
const recipient = `age1${'q'.repeat(58)}`

/** What a program would read in the container: `$$` stands for one `$`. */
function contentOf(name: string): string {
  return (compose.configs?.[name]?.content ?? '').replaceAll('$$', '$')
}

/** Every command line of `muster`, in commands and in the scripts that are handed in. */
function musterCommands(): string[][] {
  const commands = services.flatMap(([, { command }]) => (command?.[0]?.match(/(^|\/)muster$/) ? [[...command]] : []))
  const scripts = Object.keys(compose.configs ?? {}).flatMap((name) =>
    [...contentOf(name).matchAll(/^\s*(?:exec )?((?:bin\/)?muster [a-z].*)$/gm)].map((found) => (found[1] as string).trim().split(/\s+/)),
  )
  return [...commands, ...scripts].map(([, ...args]) => args)
}

describe('docker-compose.yml', () => {
  it('has Temporal with its UI on PostgreSQL, an S3 server, a site worker, an agent and a WAL shipper', () => {
    const images = services.map(([, { image }]) => image ?? '')
    for (const wanted of [/^postgres:/, /^temporalio\/(server|auto-setup):/, /^temporalio\/ui:/, /^versity\/versitygw:/]) {
      assert.ok(
        images.some((image) => wanted.test(image)),
        `no image ${wanted}`,
      )
    }
    const lines = musterCommands().map((args) => args.join(' '))
    for (const wanted of [/^worker .*--site primary.*--site-queue/, /^worker .*--host (?!control)\w+/, /^shipper /]) {
      assert.ok(
        lines.some((line) => wanted.test(line)),
        `no command ${wanted} in ${lines.join('; ')}`,
      )
    }
  })

  it('names an image or a build for every service, each of a fixed version', () => {
    for (const [name, { image, build }] of services) {
      assert.ok(image ?? build, `${name} has neither image nor build`)
      if (image) assert.match(image, /:v?\d[\w.-]*$/, `${name} takes whatever version is newest`)
      if (build) assert.ok(existsSync(join(root, build, 'Dockerfile')), `${name} is built where there is no Dockerfile`)
    }
  })

  it('runs the server versions that everything else runs', () => {
    const versions = JSON.parse(readFileSync(join(root, 'scripts', 'versions.json'), 'utf8')) as {
      temporal: { serverVersion: string }
      versitygw: { version: string }
    }
    const images = services.map(([, { image }]) => image ?? '').join('\n')
    assert.match(images, new RegExp(`^temporalio/(server|auto-setup):${versions.temporal.serverVersion}$`, 'm'))
    assert.match(images, new RegExp(`^versity/versitygw:v${versions.versitygw.version}$`, 'm'))
  })

  it('waits only for services that there are, and for health only where it is looked at', () => {
    for (const [name, service] of services) {
      const shared = [service.pid, service.network_mode].flatMap((mode) => (mode?.startsWith('service:') ? [mode.slice('service:'.length)] : []))
      for (const other of [...Object.keys(service.depends_on ?? {}), ...shared]) {
        assert.ok(Object.hasOwn(compose.services, other), `${name} needs ${other}, which is no service`)
      }
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        if (condition === 'service_healthy') assert.ok(compose.services[other]?.healthcheck, `${name} waits for the health of ${other}`)
      }
    }
  })

  it('waits in no circle', () => {
    const visit = (name: string, path: readonly string[]): void => {
      assert.ok(!path.includes(name), `${[...path, name].join(' → ')}`)
      for (const other of Object.keys(compose.services[name]?.depends_on ?? {})) visit(other, [...path, name])
    }
    for (const [name] of services) visit(name, [])
  })

  it('declares every volume, config and secret that a service uses, and no other', () => {
    const used = { volumes: new Set<string>(), configs: new Set<string>(), secrets: new Set<string>() }
    for (const [name, service] of services) {
      for (const mount of service.volumes ?? []) {
        const source = mount.split(':')[0] as string
        if (source.startsWith('.')) assert.ok(existsSync(join(root, source)), `${name} mounts ${source}, which is not there`)
        else used.volumes.add(source)
      }
      for (const { source } of service.configs ?? []) used.configs.add(source)
      for (const secret of service.secrets ?? []) used.secrets.add(secret)
    }
    for (const kind of ['volumes', 'configs', 'secrets'] as const) {
      assert.deepEqual([...used[kind]].sort(), Object.keys(compose[kind] ?? {}).sort(), kind)
    }
  })

  it('opens ports on loopback only, each once', () => {
    const ports = services.flatMap(([name, service]) => (service.ports ?? []).map((port) => ({ name, port: String(port) })))
    for (const { name, port } of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, `${name} opens ${port}`)
    assert.equal(new Set(ports.map(({ port }) => port.split(':')[1])).size, ports.length, 'a port is given twice')
    for (const [name, { network_mode: mode }] of services) assert.notEqual(mode, 'host', `${name} listens on the host's own addresses`)
  })

  it('holds no secret, and no stand-in for one that somebody forgot', () => {
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (!/PASS|PWD|SECRET|KEY|TOKEN|CREDENTIAL|MUSTER_S3/.test(variable) || /_FILE$/.test(variable)) continue
        // `${NAME:?why}` refuses to start without it; `${NAME:-default}` would go on with a password that all know.
        assert.match(value, /^(\$\{\w+:\?[^}]+\}:?)+$/, `${variable} of ${name} stands in the file`)
      }
    }
    assert.doesNotMatch(text, /AGE-SECRET-KEY|BEGIN [A-Z ]*PRIVATE KEY|https?:\/\/[^/\s"]+:[^/\s"]+@/)
    assert.doesNotMatch(text, /password\s+'[^'$]+'/i)
  })

  it('runs commands that the command line knows, with options that they have', async () => {
    const commands = musterCommands()
    assert.ok(commands.length >= 3, 'no command was found')
    for (const args of commands) {
      const called: unknown[] = []
      // Whatever a verb does first is enough: its arguments were understood.
      const desk = new Proxy({} as Desk, { get: (_, name) => void called.push(name) })
      const program = createProgram(() => desk, { config: 'muster.yaml', json: false, debug: false }, '0')
      program.configureOutput({ writeErr: () => {}, writeOut: () => {} })
      const outcome = await program.parseAsync(['node', 'muster', ...args]).then(
        () => null,
        (error: unknown) => error as { code?: string },
      )
      assert.ok(!outcome?.code?.startsWith('commander.') || args[0] === 'help', `muster ${args.join(' ')}: ${outcome?.code}`)
      assert.ok(called.length > 0 || args[0] === 'help', `muster ${args.join(' ')} did nothing`)
    }
  })

  it('hands in a configuration that counts, with the hosts and sites that the workers name', () => {
    const name = Object.keys(compose.configs ?? {}).find((one) => contentOf(one).includes('organisation:'))
    assert.ok(name, 'there is no muster.yaml')
    const { config } = parseConfig(contentOf(name), 'docker-compose.yml', { recipients: [recipient] })
    const known = Object.values(config.sites).flatMap(({ hosts }) => [...hosts])
    for (const args of musterCommands()) {
      const host = args[args.indexOf('--host') + 1]
      const site = args[args.indexOf('--site') + 1]
      if (args.includes('--host')) assert.ok(known.includes(host as string), `no host ${host} in the configuration`)
      if (args.includes('--site')) assert.ok(Object.hasOwn(config.sites, site as string), `no site ${site} in the configuration`)
    }
    for (const store of Object.values(config.stores)) {
      if (store.type !== 's3' || store.endpoint === undefined) continue
      const { hostname } = new URL(store.endpoint)
      assert.ok(Object.hasOwn(compose.services, hostname), `no service ${hostname} for the store`)
    }
    const system = Object.values(config.systems)[0]
    assert.ok(Object.values(system?.components ?? {}).some(({ type }) => type === 'postgresql'))
    assert.ok((system?.services.length ?? 0) > 0, 'the sample system has no service')
  })
})

describe('the Dockerfile', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')

  it('copies only what there is', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
    for (const [, words = ''] of dockerfile.matchAll(/^COPY (?!--from)(.*)$/gm)) {
      for (const source of words.split(' ').slice(0, -1)) {
        assert.ok(existsSync(join(root, source)), `${source} is not there`)
        assert.ok(!ignored.includes(source), `${source} is ignored`)
      }
    }
    for (const name of ['node_modules', 'dist', '.git', '.muster']) assert.ok(ignored.includes(name), `${name} goes into the image`)
  })

  it('brings every program that an agent runs', () => {
    for (const name of ['age', 'openssh-client', 'postgresql-15', 'tar', 'util-linux', 'zstd']) {
      assert.match(dockerfile, new RegExp(`[\\s]${name}[\\s]`), `${name} is missing`)
    }
  })

  it('builds upon a Node that the package asks for, of a fixed version', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((found) => found[1] as string)
    assert.ok(bases.length > 0)
    for (const base of bases) assert.match(base, /^node:(2[2-9]|[3-9]\d)(\.\d+)*-bookworm-slim$/)
  })
})
