import assert from 'node:assert/strict'
import { createOwnMachine, type OwnMachine, type Ran } from '../support/own-machine.ts'

const asRoot = process.geteuid?.() === 0
const root = new URL('../..', import.meta.url).pathname
const overlay = '/srv/overlay/merged/data'
const mountPoint = '/srv/mount'

/** Each method on the filesystem that asks for it, in a machine of its own: mounts need one. */
describe('a member is swapped', function () {
  this.timeout(240_000)
  let machine: OwnMachine

  before(async () => {
    const dirs = '/srv/overlay/lower/data /srv/overlay/upper /srv/overlay/work /srv/overlay/merged /srv/mount /srv/plain'
    machine = await createOwnMachine([
      `mkdir -p ${dirs}`,
      'echo lower > /srv/overlay/lower/data/a',
      `mount -t overlay overlay -o lowerdir=/srv/overlay/lower,upperdir=/srv/overlay/upper,workdir=/srv/overlay/work${asRoot ? '' : ',userxattr'} /srv/overlay/merged`,
      'mount -t tmpfs -o mode=0777 tmpfs /srv/mount',
    ])
  })
  after(async () => {
    await machine?.destroy()
  })

  const lab = (...args: string[]): Promise<Ran> =>
    machine.run([process.execPath, '--import', 'tsx', `${root}/test/support/swap-lab-inside.ts`, ...args], { cwd: root })
  async function passes(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await lab(...args)
    assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
    return stdout
  }

  it('on an overlay by copy: killed and repeated or undone after any move, nothing is lost', async () => {
    await passes('property', overlay, 'copy')
  })

  it('at a mount point by renaming its contents: killed and repeated or undone after any move, nothing is lost', async () => {
    await passes('property', mountPoint, 'rename-contents')
  })

  it('by one rename, and where nothing is, likewise', async () => {
    await passes('property', '/srv/plain/data', 'rename')
    await passes('property', '/srv/plain/data', 'none')
  })

  it('by the next restore after one that was undone, which keeps nothing of that one', async () => {
    await passes('next-run', overlay)
    await passes('next-run', mountPoint)
    await passes('next-run', '/srv/plain/data')
  })

  it('on an overlay, and really killed in the middle of a copy: on the way in, and on the way back', async () => {
    const shell = async (line: string) => assert.equal((await machine.run(['sh', '-c', line])).exitCode, 0)
    await shell(`rm -rf ${overlay}/* && for f in a b c; do echo old $f > ${overlay}/$f; done`)
    assert.equal(await passes('prepare', overlay), 'copy')
    // A cp that copies one file and then kills who called it.
    await shell(
      `mkdir -p /tmp/bin && printf '%s\\n' '#!/bin/sh' 'mkdir -p "$6"' 'for f in "$5"/*; do /bin/cp -a "$f" "$6/"; break; done' 'kill -9 $PPID' > /tmp/bin/cp && chmod +x /tmp/bin/cp`,
    )
    const killed = async (what: string) => {
      const { exitCode } = await machine.run(
        ['sh', '-c', `PATH=/tmp/bin:$PATH exec ${process.execPath} --import tsx ${root}/test/support/swap-lab-inside.ts ${what} ${overlay} copy`],
        { cwd: root },
      )
      assert.equal(exitCode, null)
    }
    const old = { a: 'old a\n', b: 'old b\n', c: 'old c\n' }
    const look = async () => JSON.parse(await passes('look', overlay)) as unknown
    await killed('swap-in')
    assert.deepEqual(await look(), old)
    await passes('swap-in', overlay, 'copy')
    assert.deepEqual(await look(), { a: 'new a', b: 'new b' })
    await killed('swap-back')
    assert.notDeepEqual(await look(), old)
    await passes('swap-back', overlay, 'copy')
    assert.deepEqual(await look(), old)
  })
})
