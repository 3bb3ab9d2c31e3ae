import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { type BesideIt, createOwnMachine, type OwnMachine, type Ran } from '../support/own-machine.ts'
import { postgresqlBin } from '../support/postgres-cluster.ts'
import { waitFor } from '../support/rig.ts'

const root = new URL('../..', import.meta.url).pathname
const asRoot = process.geteuid?.() === 0
const home = '/srv/operator'
const place = `${home}/muster`
const dataDirectory = '/var/lib/pgsql/data'

/** Everything as a person types it, on a machine of its own with the paths, socket and ports that the example means. */
describe('examples/minimal.yaml, unchanged', function () {
  this.timeout(420_000)
  let machine: OwnMachine
  let example: string
  let up: BesideIt

  before(async () => {
    machine = await createOwnMachine()
    example = await readFile(`${root}/examples/minimal.yaml`, 'utf8')
    await shell(`mkdir -p ${place} /srv/shop/uploads /var/lib/pgsql /run/postgresql`)
    await shell(`cp ${root}/examples/minimal.yaml ${place}/muster.yaml`)
    if (asRoot) await shell('chown postgres: /var/lib/pgsql /run/postgresql')
    await postgres(
      'initdb',
      '-D',
      dataDirectory,
      '-U',
      'postgres',
      '--data-checksums',
      `--auth-local=${asRoot ? 'peer' : 'trust'}`,
      '--auth-host=scram-sha-256',
    )
    await postgres('pg_ctl', 'start', '-w', '-D', dataDirectory, '-o', '-c unix_socket_directories=/run/postgresql', '-l', '/var/lib/pgsql/log')
    await sql('create table orders (n int primary key)')
    await shell('echo one > /srv/shop/uploads/one.txt')
  })

  after(async () => {
    await machine?.destroy()
  })

  async function good(ran: Promise<Ran>): Promise<string> {
    const { exitCode, stdout, stderr } = await ran
    assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
    return stdout
  }
  const shell = (line: string) => good(machine.run(['sh', '-c', line]))
  const asServer = asRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'] : []
  const postgres = async (program: string, ...args: string[]) => good(machine.run([...asServer, `${await postgresqlBin()}/${program}`, ...args]))
  const sql = async (text: string) => (await postgres('psql', '-h', '/run/postgresql', '-U', 'postgres', '-AtX', '-v', 'ON_ERROR_STOP=1', '-c', text)).trim()
  const here = { cwd: place, env: { HOME: home, USER: 'operator', XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] || `${homedir()}/.cache` } }
  const muster = (...args: string[]) => machine.run([`${root}/bin/muster`, ...args], here)

  /** A restore that a person approves in another terminal. */
  async function restore(...args: string[]): Promise<void> {
    const run = machine.start([`${root}/bin/muster`, 'restore', 'shop', ...args], here)
    await waitFor('the restore to ask for approval', async () => /muster approve [0-9a-f]+/.test(run.said()), 60).catch(() => assert.fail(run.said()))
    const [, hash = ''] = /muster approve ([0-9a-f]+)/.exec(run.said()) ?? []
    await good(muster('approve', hash))
    await good(run.ended)
  }

  it('init takes the file as it is and makes what is missing beside it', async () => {
    await good(muster('init'))
    assert.equal(await shell(`cat ${place}/muster.yaml`), example)
    assert.ok(example.trim().split('\n').length <= 10)
    await good(muster('doctor'))
  })

  it('up, backup, and a recovery to a moment: what was deleted after it is there again', async () => {
    up = machine.start([`${root}/bin/muster`, 'up'], here)
    await waitFor('muster up', async () => up.said().includes('WAL shipper\n'), 60).catch(() => assert.fail(up.said()))
    await sql('insert into orders values (1)')
    await good(muster('backup', 'shop'))
    await sql('insert into orders values (2)')
    const moment = await sql(`select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)
    await sql('delete from orders')
    await restore('--to', moment)
    assert.equal(await sql('select string_agg(n::text, $$,$$ order by n) from orders'), '1,2')
    assert.equal(await shell('cat /srv/shop/uploads/one.txt'), 'one\n')
  })

  it('and back to the newest moment after the data directory is gone', async () => {
    await sql('insert into orders values (3)')
    await good(muster('archive-wal', 'shop'))
    await shell(`kill -9 $(head -1 ${dataDirectory}/postmaster.pid) && rm -rf ${dataDirectory}`)
    await restore()
    assert.equal(await sql('select string_agg(n::text, $$,$$ order by n) from orders'), '1,2,3')
    up.interrupt()
    await good(up.ended)
    assert.equal(await shell(`cat ${place}/muster.yaml`), example)
  })
})
