import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'

function invalid(pattern: RegExp) {
  return (error: unknown) => error instanceof MusterError && error.type === 'InvalidInput' && pattern.test(error.message)
}

describe('durations', () => {
  it('are a whole number and one unit', () => {
    const written = { '0': 0, '0s': 0, '30s': 30, '15m': 900, '6h': 21_600, '7d': 604_800, '4w': 2_419_200 }
    for (const [text, seconds] of Object.entries(written)) assert.equal(parseDuration(text), seconds, text)
  })

  it('are refused with an example when anything else is written', () => {
    const wrong = [
      '',
      ' ',
      '5',
      '-1h',
      '+1h',
      '1.5h',
      '1,5h',
      '2x',
      '2 weeks ago',
      '1 h',
      ' 1h',
      '1h ',
      '1h30m',
      'h',
      '1H',
      '1M',
      '١h',
      '1e3s',
      'NaNs',
      '0x10s',
      '1h\n',
    ]
    for (const text of wrong) assert.throws(() => parseDuration(text), invalid(/is not a duration: .*such as 30s/), JSON.stringify(text))
  })

  it('are refused when longer than a hundred years', () => {
    assert.equal(parseDuration('36500d'), 3_153_600_000)
    for (const text of ['36501d', '9999999999w']) assert.throws(() => parseDuration(text), invalid(/longer than 100 years/))
  })

  it('never become anything but a whole number of seconds', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return Number.isSafeInteger(parseDuration(text))
        } catch (error) {
          return error instanceof MusterError
        }
      }),
    )
  })

  it('are shown with two units at most', () => {
    const shown: readonly [number, string][] = [
      [0, '0 s'],
      [0.24, '0.2 s'],
      [9.96, '10 s'],
      [40, '40 s'],
      [59.6, '1 min'],
      [61, '1 min 1 s'],
      [125, '2 min 5 s'],
      [599, '9 min 59 s'],
      [660, '11 min'],
      [3599, '1 h'],
      [7500, '2 h 5 min'],
      [35_999, '10 h'],
      [86_399, '1 day'],
      [90_000, '1 day 1 h'],
      [777_600, '9 days'],
      [-40, '-40 s'],
    ]
    for (const [seconds, text] of shown) assert.equal(formatDuration(seconds), text, String(seconds))
  })
})

describe('sizes', () => {
  it('count in powers of ten, and of two with an i', () => {
    const written = {
      '512B': 512,
      '1kB': 1000,
      '1KB': 1000,
      '16MB': 16e6,
      '5GB': 5e9,
      '2TB': 2e12,
      '1KiB': 1024,
      '10MiB': 10_485_760,
      '1GiB': 2 ** 30,
      '1TiB': 2 ** 40,
    }
    for (const [text, bytes] of Object.entries(written)) assert.equal(parseSize(text), bytes, text)
  })

  it('are refused with an example when anything else is written', () => {
    for (const text of ['', '5', '1.5GB', '-1GB', '5 GB', '5gb', '5G', 'GB', '1e3MB', '10%', '5GB\n']) {
      assert.throws(() => parseSize(text), invalid(/is not a size: .*such as 16MB/), JSON.stringify(text))
    }
  })

  it('are refused where a number could not hold them', () => {
    assert.throws(() => parseSize('999999999999TiB'), invalid(/larger than any disk/))
  })

  it('are shown short', () => {
    const shown: readonly [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1000, '1 kB'],
      [1449, '1.4 kB'],
      [9950, '10 kB'],
      [999_500, '1 MB'],
      [1.4e9, '1.4 GB'],
      [82e9, '82 GB'],
      [5e18, '5000 PB'],
    ]
    for (const [bytes, text] of shown) assert.equal(formatSize(bytes), text, String(bytes))
  })
})
