/** The command line of the benches, how figures are judged, and that the page about them tells the truth. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { benches } from '../../bench/benches.ts'
import { defaultsOf, parseCommandLine } from '../../bench/command-line.ts'
import { isMet, percentile, render, spreadOf } from '../../bench/figures.ts'
import { type Marker, newestWithin } from '../../bench/markers.ts'

const known = { lag: { seconds: 180, offsite: ['s3', 'directory'] }, outage: { seconds: 600 } }

describe('the command line of the benches', () => {
  it('gives each option that was not typed its default', () => {
    assert.deepEqual(parseCommandLine(['lag', '--seconds', '5'], known), { bench: 'lag', strict: false, options: { seconds: 5, offsite: 's3' } })
    assert.deepEqual(parseCommandLine(['lag', '--strict', '--offsite', 'directory'], known), {
      bench: 'lag',
      strict: true,
      options: { seconds: 180, offsite: 'directory' },
    })
  })

  it('refuses what it does not know, and says what there is', () => {
    assert.equal(parseCommandLine([], known), 'there is no bench ""; there are: lag, outage')
    assert.equal(parseCommandLine(['toString'], known), 'there is no bench "toString"; there are: lag, outage')
    assert.equal(parseCommandLine(['outage', '--offsite', 's3'], known), 'outage has no option --offsite; it has: --seconds, --strict')
    assert.equal(parseCommandLine(['outage', 'seconds', '3'], known), 'outage has no option seconds; it has: --seconds, --strict')
  })

  it('refuses an option without its value, and words where a number belongs', () => {
    for (const words of [['--seconds'], ['--seconds', 'ten'], ['--seconds', ''], ['--seconds', '--strict'], ['--seconds', '-1'], ['--seconds', 'Infinity']]) {
      assert.equal(parseCommandLine(['outage', ...words], known), '--seconds takes a number, such as 600', words.join(' '))
    }
    for (const words of [['--offsite'], ['--offsite', 'nas'], ['--offsite', '--strict']]) {
      assert.equal(parseCommandLine(['lag', ...words], known), '--offsite takes one of: s3, directory', words.join(' '))
    }
  })
})

describe('figures of benches', () => {
  it('meet a target up to its limit, and never where nothing could be measured', () => {
    const target = { name: 'loss', unit: 's', limit: 2 }
    assert.deepEqual(
      [1.9, 2, 2.001, Number.NaN, Number.POSITIVE_INFINITY].map((value) => isMet({ ...target, value })),
      [true, true, false, false, false],
    )
  })

  it('show a missed target as missed', () => {
    const text = render('lag', { tables: [], notes: [], figures: {}, targets: [{ name: 'loss', value: 3.5, unit: 's', limit: 2 }] })
    assert.match(text, /✗ loss: 3\.50 s \(at most 2 s\)/)
  })

  it('take percentiles from what was measured', () => {
    const values = fc.array(fc.double({ noNaN: true, min: 0, max: 1e9 }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(values, fc.double({ noNaN: true, min: 0, max: 1 }), (samples, share) => {
        const value = percentile(samples, share)
        const notAbove = samples.filter((one) => one <= value).length
        return samples.includes(value) && notAbove >= Math.ceil(samples.length * share - 1e-9)
      }),
    )
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
    assert.throws(() => spreadOf([]), /nothing was measured/)
  })

  it('count a marker as safe only when all WAL up to its commit is there', () => {
    const markers: Marker[] = [10n, 20n, 30n].map((lsn, index) => ({ number: index + 1, acknowledgedMs: index, lsn }))
    assert.equal(newestWithin(markers, 9n), null)
    assert.equal(newestWithin(markers, 29n)?.number, 2)
    assert.equal(newestWithin(markers, 30n)?.number, 3)
  })
})

describe('the page about benches', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md'), 'utf8')

  it('has each bench with its options and their defaults', () => {
    const missing = Object.entries(benches).flatMap(([name, { options }]) => {
      const section = page.split(/^## /m).find((text) => text.startsWith(`\`${name}\``)) ?? ''
      const wanted = Object.entries(defaultsOf(options)).map(([option, value]) => `\`--${option} ${value}\``)
      return section === '' ? [name] : wanted.filter((text) => !section.includes(text)).map((text) => `${name}: ${text}`)
    })
    assert.deepEqual(missing, [])
  })
})
