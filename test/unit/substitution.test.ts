import assert from 'node:assert/strict'
import { isText, substitute } from '../../domain/substitution.ts'

const pair = (replace: string, other: string) => ({ replace, with: other })
const of = (text: string, ...texts: { replace: string; with: string }[]) => {
  const { bytes, ...counts } = substitute(Buffer.from(text), texts)
  return { text: bytes === null ? null : Buffer.from(bytes).toString(), ...counts }
}

describe('text that is substituted', () => {
  it('is replaced wherever it is a word of its own, and counted', () => {
    const found = of('a=10.0.1.5\nb=10.0.1.5:80 10.0.1.50 110.0.1.5\n', pair('10.0.1.5', '10.0.2.55'))
    assert.equal(found.text, 'a=10.0.2.55\nb=10.0.2.55:80 10.0.1.50 110.0.1.5\n')
    assert.deepEqual([found.replaced, found.insideWords], [[2], [2]])
  })

  it('may begin or end with a sign, where no word can go on', () => {
    assert.equal(of('x=/srv/home/ y/srv/home/z', pair('/srv/home/', '/srv/away/')).text, 'x=/srv/away/ y/srv/away/z')
  })

  it('does not count inside letters beyond ASCII', () => {
    assert.equal(of('büro', pair('b', 'c')).text, null)
    assert.equal(of('b über b', pair('über', 'unter')).text, 'b unter b')
  })

  it('changes places with another text, and the longest text counts', () => {
    assert.equal(of('a b a.c', pair('a', 'b'), pair('b', 'a')).text, 'b a b.c')
    assert.equal(of('db.home db', pair('db', 'x'), pair('db.home', 'db.away')).text, 'db.away x')
  })

  it('says when what is put in stood there before, and not for texts that change places', () => {
    assert.deepEqual(of('home away away', pair('home', 'away')).stoodThere, [2])
    assert.deepEqual(of('home away', pair('home', 'away'), pair('away', 'home')).stoodThere, [0, 0])
  })

  it('leaves every other byte as it is', () => {
    const before = Buffer.from([0xff, 0xfe, 0x20, 0x61, 0x0d, 0x0a, 0xc3])
    const { bytes } = substitute(before, [pair('a', 'bcd')])
    assert.deepEqual([...(bytes ?? [])], [0xff, 0xfe, 0x20, 0x62, 0x63, 0x64, 0x0d, 0x0a, 0xc3])
    assert.equal(substitute(before, [pair('x', 'y')]).bytes, null)
  })

  it('comes back to what it was, turned round', () => {
    const text = 'host=app.home ip=10.0.1.5,10.0.1.6\n'
    const there = [pair('app.home', 'app.away'), pair('10.0.1.5', '10.0.2.5'), pair('10.0.1.6', '10.0.1.5')]
    const moved = of(text, ...there).text ?? ''
    assert.equal(moved, 'host=app.away ip=10.0.2.5,10.0.1.5\n')
    assert.equal(of(moved, ...there.map((one) => pair(one.with, one.replace))).text, text)
  })

  it('is looked for in text alone', () => {
    assert.equal(isText(Buffer.from('a\tb')), true)
    assert.equal(isText(Buffer.from([0x61, 0])), false)
  })
})
