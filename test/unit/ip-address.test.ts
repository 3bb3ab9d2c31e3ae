import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { canonicalIpv4, canonicalIpv6 } from '../../domain/ip-address.ts'

/** Addresses, and texts that nearly are. */
const nearly = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(fc.constantFrom('0', '1', '00', '255', '256', 'ffff', 'FFFF', 'g', '.', ':', '::', '%', ' ', '12345'), { maxLength: 16 })
    .map((parts) => parts.join('')),
)

/** As a browser writes it; an independent view of what is the same address. */
function byUrl(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1)
}

describe('an IP address', () => {
  it('is what the system takes for one, and no other text', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        assert.equal(canonicalIpv4(text) !== null, isIPv4(text), text)
        assert.equal(canonicalIpv6(text) !== null, isIPv6(text) && !text.includes('%'), text)
      }),
      { numRuns: 5000 },
    )
  })

  it('of version 6 has one spelling, the one of RFC 5952', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const once = canonicalIpv6(text)
        assert.equal(once, byUrl(text))
        assert.equal(canonicalIpv6(once ?? ''), once)
      }),
      { numRuns: 2000 },
    )
    const spellings = ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', '2001:0db8::0001', '2001:db8:0:0::1', '2001:db8::0.0.0.1']
    assert.deepEqual([...new Set(spellings.map(canonicalIpv6))], ['2001:db8::1'])
    assert.equal(canonicalIpv6('0:0:1:0:0:0:1:0'), '0:0:1::1:0')
    assert.equal(canonicalIpv6('1:0:2:3:4:5:6:7'), '1:0:2:3:4:5:6:7')
  })

  it('of version 4 has no leading zeros, which some programs read as octal', () => {
    assert.equal(canonicalIpv4('192.0.2.010'), null)
    assert.equal(canonicalIpv4('192.0.2.10'), '192.0.2.10')
  })
})
